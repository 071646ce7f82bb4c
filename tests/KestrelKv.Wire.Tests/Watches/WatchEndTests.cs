using System.Text.Json;
using KestrelKv.Storage;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Watches that end, watches with endless changes, and clients that do not read.</summary>
public sealed class WatchEndTests
{
    private static readonly string Watch = Calls.RequestWithId("WATCH", "{}", "7");

    [Fact]
    public async Task Compacted_AtStart_IsReplied()
    {
        var store = new ScriptedFeedStore { Statuses = [WatchStatus.Compacted] };
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        string reply = await client.CallAsync(Watch);
        Assert.Equal("compacted", Frames.ErrorCode(reply));
        Assert.EndsWith("\"oldest_version\": 77}, \"id\": 7}", reply);
        Assert.True(store.IsDisposed);
    }

    [Fact]
    public async Task Compacted_Later_EndsOnlyWatch()
    {
        var store = new ScriptedFeedStore { Statuses = [WatchStatus.UpToDate, WatchStatus.Compacted] };
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        await client.CallAsync(Watch);
        store.Wake();
        string reply = Assert.Single(await client.RepliesAsync(1));
        Assert.EndsWith("\"oldest_version\": 77, \"watch\": 1}, \"id\": 7}", reply);
        Assert.True(store.IsDisposed);
        Assert.Equal(Frames.GetReply("a", "null"), await client.CallAsync(Frames.Get("a")));
        Assert.Equal("invalid_value", Frames.ErrorCode(await client.CallAsync(Calls.Request("UNWATCH", """{"watch": 1}"""))));
    }

    [Fact]
    public async Task Compacted_WithEarlierChanges_SendsThoseFirst()
    {
        var store = new ScriptedFeedStore { Statuses = [WatchStatus.Compacted], Changes = 2 };
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Watch);
        List<string> replies = await client.RepliesAsync(3);
        Assert.Contains("\"version\": 0, \"changes\": []", replies[0], StringComparison.Ordinal);
        Assert.Contains(
            "\"version\": 2, \"changes\": [{\"version\": 1, \"kind\": \"evict\", \"obj\": \"kkkkkkkkkk\"}, {", replies[1],
            StringComparison.Ordinal);
        Assert.Equal("compacted", Frames.ErrorCode(replies[2]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task UnreadableHistory_EndsOnlyWatch(int read)
    {
        var store = new ScriptedFeedStore { UnreadableAt = read };
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Watch);
        if (read > 0)
        {
            await client.RepliesAsync(1);
            store.Wake();
        }
        string reply = Assert.Single(await client.RepliesAsync(1));
        Assert.Equal(("disk_failed", read > 0), (Frames.ErrorCode(reply), reply.Contains("\"watch\": 1}", StringComparison.Ordinal)));
        Assert.True(store.IsDisposed);
        Assert.Equal(Frames.GetReply("a", "null"), await client.CallAsync(Frames.Get("a")));
    }

    [Fact]
    public async Task More_WithoutEnd_DoesNotBlockRequests()
    {
        var store = new ScriptedFeedStore { Statuses = [WatchStatus.More], Changes = 1_000 };
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Watch);
        client.Send(Frames.Put("a", "1"), Calls.Request("UNWATCH", """{"watch": 1}"""));
        List<string> others = [];
        while (others.Count < 2) others.AddRange((await client.RepliesAsync(1)).Where(reply => !reply.Contains("WATCH\", \"response\": {\"watch\": 1, \"version\"", StringComparison.Ordinal)));
        Assert.Equal([Frames.PutReply("a"), Calls.Reply("UNWATCH", """{"watch": 1, "response": "ok"}""")], others);
        Assert.Equal(Frames.GetReply("a", "1"), await client.CallAsync(Frames.Get("a")));
    }

    [Fact]
    public async Task More_WithoutEnd_IsSentInPiecesOf64KiB()
    {
        var store = new ScriptedFeedStore { Statuses = [WatchStatus.More], Changes = int.MaxValue, KeyBytes = 1_000 };
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect(unreadBytesMax: 1);
        client.Send(Watch);
        string part = (await client.RepliesAsync(2))[1];
        Assert.InRange(part.Length, 64 * 1024, 66 * 1024 + 200);
        using JsonDocument reply = JsonDocument.Parse(part);
        JsonElement told = reply.RootElement.GetProperty("response").GetProperty("response");
        Assert.Equal(told.GetProperty("version").GetInt64(), told.GetProperty("changes").GetArrayLength());
    }

    [Fact]
    public async Task Wake_FromFeedThread_ReadsOnThreadPool()
    {
        var store = new ScriptedFeedStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        await client.CallAsync(Watch);
        store.Changes = 1;
        var feed = new Thread(store.Wake);
        feed.Start();
        feed.Join();
        Assert.Contains("\"kind\": \"evict\"", Assert.Single(await client.RepliesAsync(1)), StringComparison.Ordinal);
        Assert.True(store.WasReadInThePool);
    }

    [Fact]
    public async Task Stop_WatchAlwaysHasMore_EndsAfterQuietTime()
    {
        var store = new ScriptedFeedStore { Statuses = [WatchStatus.More], Changes = 10 };
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Watch);
        await client.RepliesAsync(3);
        client.Connection.RequestClose();
        Task<byte[]> rest = client.ReceiveToEndAsync();
        await wire.AdvanceUntilServedAsync(client, TimeSpan.FromMilliseconds(50));
        await rest;
        Assert.True(store.IsDisposed);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=stopping}"]);
    }

    [Fact]
    public async Task Stop_SilentWatch_EndsAndIsDisposed()
    {
        var store = new ScriptedFeedStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        await client.CallAsync(Watch);
        client.Connection.RequestClose();
        await wire.AdvanceUntilServedAsync(client, TimeSpan.FromMilliseconds(50));
        Assert.True(store.IsDisposed);
    }

    [Fact]
    public async Task Stop_LaterUnwatch_Succeeds()
    {
        using var wire = new TestWire(store: new ScriptedFeedStore());
        TestClient client = wire.Connect();
        await client.CallAsync(Watch);
        client.Connection.RequestClose();
        Assert.Equal(
            """{"status": "OK", "response": {"func": "UNWATCH", "response": {"watch": 1, "response": "ok"}}}""",
            await client.CallAsync("""{"func": "UNWATCH", "params": {"watch": 1}}"""));
        Assert.Contains(
            "invalid_value", await client.CallAsync("""{"func": "UNWATCH", "params": {"watch": 2}}"""), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WriteTimeout_ClientDoesNotReadWatch_IsAborted()
    {
        var store = new ScriptedFeedStore { Statuses = [WatchStatus.More], Changes = 1_000 };
        using var wire = new TestWire(options => options.WriteTimeout = TimeSpan.FromSeconds(20), store);
        TestClient client = wire.Connect(unreadBytesMax: 1);
        client.Send(Watch);
        int reads = store.Reads;
        wire.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(reads, store.Reads);

        // One second more for each 64 KiB written.
        wire.Advance(TimeSpan.FromSeconds(20));
        await client.ServedAsync();
        Assert.NotNull(client.Connection.Aborted);
        Assert.True(store.IsDisposed);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=write_timeout}"]);
    }

    [Fact]
    public async Task Stop_ClientDoesNotReadWatch_IsAbortedAfterOneSecond()
    {
        var store = new ScriptedFeedStore { Statuses = [WatchStatus.More], Changes = 1_000 };
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect(unreadBytesMax: 1);
        client.Send(Watch);
        await client.RepliesAsync(1);
        await Wait.UntilAsync(() => client.UnreadBytes() > 0, () => "no change is sent");
        client.Connection.RequestClose();
        wire.Advance(TimeSpan.FromMilliseconds(900));
        Assert.False(client.IsServed);

        // Timeouts are checked every half second.
        wire.Advance(TimeSpan.FromMilliseconds(600));
        await client.ServedAsync();
        Assert.NotNull(client.Connection.Aborted);
        Assert.True(store.IsDisposed);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=stopping}"]);
    }

    [Fact]
    public async Task IdleTimeout_OpenWatch_DoesNotApply()
    {
        var store = new ScriptedFeedStore();
        using var wire = new TestWire(options => options.IdleTimeout = TimeSpan.FromSeconds(5), store);
        TestClient client = wire.Connect();
        await client.CallAsync(Calls.Request("WATCH", """{"bookmark_interval": 3600}"""));
        wire.Advance(TimeSpan.FromMinutes(10));
        Assert.True(client.HearsNothing());

        await client.CallAsync(Calls.Request("UNWATCH", """{"watch": 1}"""));
        wire.Advance(TimeSpan.FromSeconds(4.5));
        Assert.True(client.HearsNothing());
        wire.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(["idle_timeout"], (await client.RepliesAsync(1)).Select(Frames.ErrorCode));
    }
}
