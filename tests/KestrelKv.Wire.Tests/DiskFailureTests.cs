using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Wire.Tests;

/// <summary>Failed and full disks: undurable writes are not acknowledged, and the connection remains usable.</summary>
public sealed class DiskFailureTests
{
    private static readonly string[] Requests =
        [Frames.Get("kept"), Frames.Put("a", "1"), "{\"func\": \"NOPE\"}", Frames.Get("a"), Frames.Get("kept"), "bad"];

    private static readonly string[] Replies =
        [Frames.GetReply("kept", "0"), "disk_failed", Frames.UnknownReply("NOPE"), "disk_failed", Frames.GetReply("kept", "0"), "invalid_json"];

    [Fact]
    public void Serve_DiskFailsWhileRepliesWait_ExecutesRequestsAgain()
    {
        var store = new FailingDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = ConnectWithAnEntry(wire, store);

        client.Send(Requests);
        Assert.Equal(0, client.UnreadBytes());
        store.Fail();
        Assert.Equal(Replies, client.Replies().Select(Frames.ErrorCode));

        Assert.Equal("disk_failed", Frames.ErrorCode(client.Call(Frames.Put("b", "2"))));
        Assert.Equal(Frames.GetReply("kept", "0"), client.Call(Frames.Get("kept")));
        Assert.Empty(wire.Log.Warnings);
    }

    [Fact]
    public void Serve_DiskFailsWhileRequestIdsWait_RetractsRepliesAndExecutesOnce()
    {
        var store = new FailingDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = ConnectWithAnEntry(wire, store);
        string[] increments = [.. Enumerable.Range(0, 20).Select(i => Calls.Request("INCR", $$"""{"obj": "n", "request_id": "{{i / 2}}"}"""))];

        client.Send(increments);
        Assert.Equal(0, client.UnreadBytes());
        Assert.Equal(1 + increments.Length / 2, store.GetStats().Version);
        store.Fail();
        Assert.All(client.Replies(), reply => Assert.Equal("disk_failed", Frames.ErrorCode(reply)));
        Assert.Equal(1 + increments.Length / 2, store.GetStats().Version);
        Assert.Equal(increments.Length, wire.Metrics["kestrelkv.wire.requests{function=INCR,outcome=disk_failed}"]);
        Assert.Equal(0, wire.Metrics["kestrelkv.wire.requests{function=INCR,outcome=ok}"]);
    }

    [Fact]
    public void Serve_PipelinedRequestIds_WaitForTheDiskTogether()
    {
        var store = new FailingDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = ConnectWithAnEntry(wire, store);
        client.Send([.. Enumerable.Range(0, 50).Select(i => Calls.Request("PUT", $$"""{"obj": "{{i}}", "val": 1, "request_id": "{{i}}"}"""))]);
        Assert.Equal(0, client.UnreadBytes());
        store.Sync();
        Assert.Equal(Enumerable.Range(0, 50).Select(i => Frames.PutReply($"{i}")), client.Replies());
    }

    [Fact]
    public void Serve_DiskFails_CountsSentReplies()
    {
        var store = new FailingDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = ConnectWithAnEntry(wire, store);

        client.Send(Requests);
        AssertCounts(wire, gets: 0, unknown: 0, invalid: 0, refused: 0);
        store.Fail();
        AssertCounts(wire, gets: 2, unknown: 1, invalid: 1, refused: 1);
        client.Send(Requests);
        AssertCounts(wire, gets: 4, unknown: 2, invalid: 2, refused: 2);
    }

    [Fact]
    public async Task Serve_DiskFailsWithManyConnections_ContinuesToServeAll()
    {
        var store = new FailingDiskStore();
        using var wire = new TestWire(store: store);
        TestClient[] clients = [.. Enumerable.Range(0, 10).Select(_ => ConnectWithAnEntry(wire, store))];
        foreach (TestClient client in clients) client.Send(Requests);
        store.Fail();
        foreach (TestClient client in clients)
            Assert.Equal(Replies, (await client.RepliesAsync(Replies.Length)).Select(Frames.ErrorCode));
        Assert.Equal(clients.Length, wire.Connections.Count);
    }

    [Fact]
    public async Task Serve_DiskFailsWithRepliesInOutput_AbortsConnection()
    {
        var store = new FailingDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = ConnectWithAnEntry(wire, store);
        client.Send(Frames.Put("large", $"\"{new string('v', 10_000)}\""), Frames.Get("large"));
        Assert.Equal(0, client.UnreadBytes());
        store.Fail();

        await client.ServedAsync();
        Assert.NotNull(client.Connection.Aborted);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.connections.closed{reason=store_failed}"]);
        AssertCounts(wire, gets: 0, unknown: 0, invalid: 0, refused: 0);
        (LogLevel level, string text, _) = Assert.Single(wire.Log.Warnings);
        Assert.Equal(LogLevel.Warning, level);
        Assert.Contains("The disk has failed.", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Serve_StoreLosesRequestsTwice_RefusesThem()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"));
        store.Fail(new DurabilityLostException("once"));
        Assert.True(store.IsWaiting);
        Assert.Equal(0, client.UnreadBytes());

        store.Fail(new DurabilityLostException("twice"));
        Frames.AssertError(Assert.Single(client.Replies()), "disk_failed", "Data:Directory");
    }

    /// <summary>A pipeline whose store call fails: each request that needs the store is refused, in order, and the connection continues.</summary>
    [Theory]
    [InlineData(true, "unavailable", "unavailable")]
    [InlineData(false, "unavailable", "outcome_unknown")]
    public void Serve_StoreFails_RefusesRequests(bool isUnavailable, string ofRead, string ofWrite)
    {
        StoreFailureException failure = isUnavailable ? new StoreUnavailableException("why") : new OutcomeUnknownException("why");
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"), "{\"func\": \"NOPE\"}", Frames.Get("a"), "bad", Calls.Request("PING"));
        Assert.Equal(0, client.UnreadBytes());
        store.Fail(failure);
        string[] replies = [.. client.Replies()];
        Assert.Equal([ofWrite, Frames.UnknownReply("NOPE"), ofRead, "invalid_json"], replies[..^1].Select(Frames.ErrorCode));
        Frames.AssertError(replies[0], ofWrite, "why");
        Assert.Contains("pong", replies[^1], StringComparison.Ordinal);
        Assert.Equal(1, wire.Metrics[$"kestrelkv.wire.requests{{function=PUT,outcome={ofWrite}}}"]);
        Assert.Equal(0, wire.Metrics["kestrelkv.wire.requests{function=PUT,outcome=ok}"]);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.requests{function=PING,outcome=ok}"]);
    }

    /// <summary>An aborted commit is executed once more before it is refused.</summary>
    [Fact]
    public void Serve_CommitAborted_ExecutesRequestsAgain()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"));
        store.Fail(new StoreUnavailableException("once", mayRepeat: true));
        Assert.Equal(0, client.UnreadBytes());
        store.Fail(new StoreUnavailableException("twice", mayRepeat: true));
        Frames.AssertError(Assert.Single(client.Replies()), "unavailable", "twice");
    }

    [Theory]
    [InlineData(ResultStatus.MemoryFull, "memory_full", "Store:MemoryBytesMax")]
    [InlineData(ResultStatus.DiskFull, "disk_full", "Data:Directory")]
    [InlineData(ResultStatus.DiskFailed, "disk_failed", "Data:Directory")]
    [InlineData(ResultStatus.Conflict, "conflict", "send the request again")]
    public void Serve_StoreRefusesWrites_ReturnsErrorAndContinues(ResultStatus reason, string code, string message)
    {
        using var wire = new TestWire(store: new RefusingStore(reason));
        TestClient client = wire.Connect();
        client.Send(Frames.Put("a", "1"), Frames.Get("a"), Frames.Put("b", "2"));
        List<string> replies = client.Replies();
        Assert.Equal([code, Frames.GetReply("a", "null"), code], replies.Select(Frames.ErrorCode));
        Frames.AssertError(replies[0], code, message);
        Assert.Equal(2, wire.Metrics[$"kestrelkv.wire.requests{{function=PUT,outcome={code}}}"]);
        Assert.Equal(0, wire.Metrics["kestrelkv.wire.requests{function=PUT,outcome=ok}"]);
    }

    [Fact]
    public void Serve_RequestsWithAck_PassItToStore()
    {
        var store = new RefusingStore(ResultStatus.Done);
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Send(
            Frames.Put("a", "1"), Frames.Get("a"),
            """{"func": "PUT", "params": {"obj": "a", "val": 1, "ack": "memory"}}""",
            """{"func": "GET", "params": {"obj": "a", "ack": "memory"}}""",
            """{"func": "GET", "params": {"obj": "a", "ack": "disk"}}""");
        Assert.Equal(
            [Frames.PutReply("a"), Frames.GetReply("a", "null"), Frames.PutReply("a"), Frames.GetReply("a", "null"), "invalid_value"],
            client.Replies().Select(Frames.ErrorCode));
        Assert.Equal([false, false, true, true], store.Operations.Select(operation => operation.AcknowledgeFromMemory));
    }

    private static TestClient ConnectWithAnEntry(TestWire wire, FailingDiskStore store)
    {
        TestClient client = wire.Connect();
        client.Send(Frames.Put("kept", "0"));
        store.Sync();
        Assert.Equal([Frames.PutReply("kept")], client.Replies());
        return client;
    }

    /// <summary>Does not count the PUT at the beginning.</summary>
    private static void AssertCounts(TestWire wire, int gets, int unknown, int invalid, int refused)
    {
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.requests{function=PUT,outcome=ok}"]);
        Assert.Equal(gets, wire.Metrics["kestrelkv.wire.requests{function=GET,outcome=ok}"]);
        Assert.Equal(unknown, wire.Metrics["kestrelkv.wire.requests{function=unknown,outcome=ok}"]);
        Assert.Equal(
            invalid, wire.Metrics[$"kestrelkv.wire.requests{{function=invalid,outcome={ErrorCodes.Text(ErrorCode.InvalidJson)}}}"]);
        Assert.Equal(refused, wire.Metrics["kestrelkv.wire.requests{function=PUT,outcome=disk_failed}"]);
        Assert.Equal(refused, wire.Metrics["kestrelkv.wire.requests{function=GET,outcome=disk_failed}"]);
    }
}
