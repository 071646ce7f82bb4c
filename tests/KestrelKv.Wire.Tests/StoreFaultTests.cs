using KestrelKv.Testing;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Wire.Tests;

/// <summary>Slow and failing stores: no reply acknowledges a change that is not durable.</summary>
public sealed class StoreFaultTests
{
    [Fact]
    public void Serve_StoreWaitsForDisk_SendsNoReplyBefore()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"), Frames.Get("a"), "{\"func\": \"NOPE\"}", "bad");
        Assert.True(store.IsWaiting);
        Assert.Equal(0, client.UnreadBytes());

        store.Sync();
        Assert.Equal(
            [Frames.PutReply("a"), Frames.GetReply("a", "1"), Frames.UnknownReply("NOPE"), "invalid_json"],
            client.Replies().Select(Frames.ErrorCode));
    }

    [Fact]
    public void Serve_LargeRepliesWhileStoreWaits_AreNotSent()
    {
        var store = new SlowDiskStore { IsSlow = false };
        using var wire = new TestWire(options => options.ReplyBytesMax = 1 << 20, store);
        TestClient client = wire.Connect();
        string value = $"\"{new string('v', 100_000)}\"";
        client.Call(Frames.Put("a", value));

        store.IsSlow = true;
        client.Send([.. Enumerable.Repeat(Frames.Get("a"), 8)]);
        Assert.True(store.IsWaiting);
        Assert.Equal(0, client.UnreadBytes());
        store.Sync();
        Assert.Equal(Enumerable.Repeat(Frames.GetReply("a", value), 8), client.Replies());
    }

    [Fact]
    public void Serve_RequestsArriveWhileStoreWaits_AreExecutedAfterwardsInOrder()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"));
        client.Send(Frames.Get("a"), Frames.Put("a", "2"));
        client.Send(Frames.Get("a"));
        Assert.Equal(1, store.GetStats().Version);

        store.Sync();
        Assert.Equal([Frames.PutReply("a")], client.Replies());
        Assert.True(store.IsWaiting);
        store.Sync();
        Assert.Equal([Frames.GetReply("a", "1"), Frames.PutReply("a"), Frames.GetReply("a", "2")], client.Replies());
    }

    [Fact]
    public void Serve_StoreWaitsLong_StaysOnThread()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        for (int i = 0; i < 10; i++)
        {
            client.Send(Frames.Put("a", "1"));
            wire.Advance(TimeSpan.FromSeconds(1));
            store.Sync();
            Assert.Equal([Frames.PutReply("a")], client.Replies());
        }
    }

    [Fact]
    public void Serve_StoreWaits_DoesNotDelayOtherConnections()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient first = wire.Connect();
        first.Send(Frames.Put("a", "1"));
        store.IsSlow = false;
        Assert.Equal(Frames.PutReply("b"), wire.Connect().Call(Frames.Put("b", "2")));
        Assert.Equal(0, first.UnreadBytes());
        store.Sync();
        Assert.Equal([Frames.PutReply("a")], first.Replies());
    }

    [Fact]
    public async Task Serve_StoreThrows_FailsOnlyThatConnection()
    {
        using var wire = new TestWire(store: new BuggyStore());
        TestClient other = wire.Connect();
        TestClient client = wire.Connect();
        client.Call(Frames.Put("a", "1"));
        client.Send(Frames.Get("bug"));
        client.EndSending();

        Assert.Equal(["internal_error"], (await client.RepliesToEndAsync()).Select(Frames.ErrorCode));
        Assert.Equal(Frames.GetReply("a", "1"), other.Call(Frames.Get("a")));
        Assert.Equal(1, wire.Connections.Count);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=internal_error}"]);
        (LogLevel level, _, Exception? exception) = Assert.Single(wire.Log.Warnings);
        Assert.Equal(LogLevel.Error, level);
        Assert.IsType<InvalidTimeZoneException>(exception);
    }

    [Fact]
    public async Task Serve_StoreThrows_GivesClientTimeToReadReply()
    {
        using var wire = new TestWire(store: new BuggyStore());
        TestClient client = wire.Connect();
        client.Send(Frames.Get("bug"), Frames.Get("bug"));
        Assert.Equal(["internal_error"], client.Replies().Select(Frames.ErrorCode));
        client.Send(Frames.Get("a"));
        Assert.False(client.IsServed);

        client.EndSending();
        Assert.Empty(await client.RepliesToEndAsync());
    }

    [Fact]
    public async Task Serve_StoreThrowsAfterResults_AcknowledgesNone()
    {
        using var wire = new TestWire(store: new BuggyStore());
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"), Frames.Get("a"), Frames.Put("bug", "1"), Frames.Put("b", "1"));
        client.EndSending();
        Assert.Equal(["internal_error"], (await client.RepliesToEndAsync()).Select(Frames.ErrorCode));
    }

    [Fact]
    public async Task Serve_StoreThrowsInLaterBatch_KeepsEarlierReplies()
    {
        using var wire = new TestWire(options => options.BatchRequestsMax = 2, new BuggyStore());
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"), Frames.Get("a"), Frames.Put("a", "2"), Frames.Put("bug", "1"));
        client.EndSending();
        Assert.Equal(
            [Frames.PutReply("a"), Frames.GetReply("a", "1"), "internal_error"],
            (await client.RepliesToEndAsync()).Select(Frames.ErrorCode));
    }

    [Fact]
    public async Task Serve_DiskFails_AcknowledgesNothing()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"), Frames.Get("a"));
        store.Fail(new IOException("no sync"));
        client.EndSending();
        Assert.Equal(["internal_error"], (await client.RepliesToEndAsync()).Select(Frames.ErrorCode));
    }

    [Fact]
    public async Task Serve_DiskFailsWithRepliesInOutput_AbortsConnection()
    {
        var store = new SlowDiskStore { IsSlow = false };
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Call(Frames.Put("a", $"\"{new string('v', 10_000)}\""));
        store.IsSlow = true;
        client.Send(Frames.Put("b", "1"), Frames.Get("a"));
        Assert.Equal(0, client.UnreadBytes());

        store.Fail(new IOException("no sync"));
        await client.ServedAsync();
        Assert.NotNull(client.Connection.Aborted);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=internal_error}"]);
    }
}
