using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Unread replies of all connections together take limited memory, and delay no small request.</summary>
public sealed class ReplyMemoryTests
{
    private const int Total = 2 * 1024 * 1024;
    private const int ValueBytes = 200_000;
    private static readonly TimeSpan WriteTimeout = TimeSpan.FromSeconds(20);
    private static readonly string Value = $"\"{new string('v', ValueBytes)}\"";

    [Theory]
    [InlineData("""{"func": "GET", "params": {"obj": "a"}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "a", "meta": true}}""")]
    [InlineData("""{"func": "MGET", "params": {"objs": ["a"]}}""")]
    [InlineData("""{"func": "SCAN", "params": {"values": true}}""")]
    [InlineData("""{"func": "BATCH", "params": {"ops": [{"func": "GET", "params": {"obj": "a"}}]}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "a", "val": 1, "return_old": true}}""")]
    public async Task Serve_ManyClientsDoNotRead_HoldsAtMostTotalAndOneReply(string request)
    {
        using var wire = Wire();
        List<TestClient> clients = [.. Enumerable.Range(0, 20).Select(_ => wire.Connect(unreadBytesMax: 1))];
        foreach (TestClient client in clients)
        {
            wire.Connect().Call(Frames.Put("a", Value));
            client.Send(request);
            Assert.InRange(wire.Connections.Replies.Taken, 0, Total + (2 * ValueBytes));
        }

        // Some requests run on the thread pool, and may not have begun yet.
        int Waiting() => clients.Count(client => client.UnreadBytes() == 0);
        await Wait.UntilAsync(() => Waiting() <= 16, () => $"{Waiting()} clients have no reply");
        Assert.InRange(Waiting(), 6, 16);
        Assert.InRange(wire.Connections.Replies.Taken, 0, Total + (2 * ValueBytes));

        // A small request needs no room. Waiting requests get room as other clients read.
        Assert.Equal(Frames.PutReply("b"), wire.Connect().Call(Frames.Put("b", "1")));
        foreach (TestClient client in clients)
            Assert.Contains("\"status\": \"OK\"", Assert.Single(await client.RepliesAsync(1)), StringComparison.Ordinal);
        await Wait.UntilAsync(() => wire.Connections.Replies.Taken == 0, () => $"{wire.Connections.Replies.Taken} bytes are left");
    }

    [Fact]
    public async Task Serve_NoRoomInTime_RepliesRepliesFullAndContinues()
    {
        using var wire = Wire();
        wire.Connect().Call(Frames.Put("a", Value));
        wire.Connections.Replies.Take(Total);
        TestClient client = wire.Connect();
        client.Send(Frames.Get("b"), Frames.Get("a"), """{"func": "MGET", "params": {"objs": ["a"]}}""", Frames.Put("b", "1"));
        Assert.Equal([Frames.GetReply("b", "null")], client.Replies());

        wire.Advance(WriteTimeout);
        Assert.Equal("replies_full", Frames.ErrorCode(Assert.Single(await client.RepliesAsync(1))));
        await Wait.UntilAsync(() => wire.Connections.Replies.HasWaiters, () => "the MGET does not wait");
        wire.Advance(WriteTimeout);
        List<string> replies = await client.RepliesAsync(2);
        Assert.Equal("replies_full", Frames.ErrorCode(replies[0]));
        Assert.Equal(Frames.PutReply("b"), replies[1]);
        Assert.Equal(Total, wire.Connections.Replies.Taken);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.requests{function=GET,outcome=replies_full}"]);
    }

    [Theory]
    [InlineData("""{"func": "SCAN", "params": {}}""", "replies_full")]
    [InlineData("""{"func": "SCAN", "params": {"count_only": true}}""", null)]
    public async Task Serve_ScanWithoutRoom_WaitsIfItListsKeys(string request, string? code)
    {
        using var wire = Wire();
        wire.Connect().Call(Frames.Put(new string('k', 4_096), "1"));
        wire.Connections.Replies.Take(Total);
        TestClient client = wire.Connect();
        client.Send(request);
        if (code is not null)
        {
            await Wait.UntilAsync(() => wire.Connections.Replies.HasWaiters, () => "the SCAN does not wait");
            wire.Advance(WriteTimeout);
        }
        string reply = Assert.Single(await client.RepliesAsync(1));
        Assert.Equal(code, code is null ? null : Frames.ErrorCode(reply));
    }

    [Fact]
    public async Task Serve_WriteWithLargeReplyAndNoRoom_IsNotExecuted()
    {
        using var wire = Wire();
        wire.Connect().Call(Frames.Put("a", Value));
        wire.Connections.Replies.Take(Total);
        TestClient client = wire.Connect();
        client.Send("""{"func": "DELETE", "params": {"obj": "a", "return_old": true}}""");
        wire.Advance(WriteTimeout);
        Assert.Equal("replies_full", Frames.ErrorCode(Assert.Single(await client.RepliesAsync(1))));
        Assert.Equal(1, wire.Store.GetStats().Version);
    }

    [Fact]
    public async Task Abort_WaitingClientAndUnreadReplies_ReleasesAllMemory()
    {
        using var wire = Wire();
        wire.Connect().Call(Frames.Put("a", Value));
        List<TestClient> clients = [.. Enumerable.Range(0, 12).Select(_ => wire.Connect(unreadBytesMax: 1))];
        foreach (TestClient client in clients) client.Send("""{"func": "MGET", "params": {"objs": ["a", "a"]}}""");
        Assert.True(wire.Connections.Replies.HasWaiters);
        foreach (TestClient client in clients) client.Connection.Abort(new("The test ends it."));
        for (int i = 0; i < 100 && wire.Connections.Count > 0; i++)
        {
            wire.Advance(WriteTimeout);
            await Task.Delay(10);
        }
        Assert.Equal(0, wire.Connections.Replies.Taken);
    }

    private static TestWire Wire() => new(options => (options.ReplyBytesTotalMax, options.WriteTimeout) = (Total, WriteTimeout));
}
