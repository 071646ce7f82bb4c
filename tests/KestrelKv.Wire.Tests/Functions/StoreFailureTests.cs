using KestrelKv.Storage;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Disks and databases that fail while requests wait: nothing is acknowledged, and nothing is executed twice.</summary>
public sealed class StoreFailureTests
{
    [Fact]
    public async Task Batch_DiskFailsOnce_ReturnsErrorAndExecutesOnce()
    {
        var store = new LosingStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        string reply = await client.CallAsync(Calls.RequestWithId(
            "BATCH", """{"ops": [{"func": "GET", "params": {"obj": "a"}}, {"func": "INCR", "params": {"obj": "a"}}]}""", "1"));
        Assert.Equal("disk_failed", Frames.ErrorCode(reply));
        Assert.EndsWith("\"index\": 1}, \"id\": 1}", reply, StringComparison.Ordinal);
        Assert.Equal(2, store.Commits);
        Assert.Equal(1, store.GetStats().Version);
        Assert.Equal(1, wire.Metrics["kestrelkv.wire.requests{function=BATCH,outcome=disk_failed}"]);
        Assert.Equal(0, wire.Metrics["kestrelkv.wire.requests{function=BATCH,outcome=ok}"]);
        Assert.Equal(Frames.GetReply("b", "null"), await client.CallAsync(Frames.Get("b")));
    }

    [Fact]
    public async Task Scan_DiskFailed_ReturnsErrorAndConnectionContinues()
    {
        var store = new LosingStore();
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        Assert.Equal("disk_failed", Frames.ErrorCode(await client.CallAsync(Calls.Request("SCAN"))));
        Assert.Equal(Frames.GetReply("b", "null"), await client.CallAsync(Frames.Get("b")));
    }

    [Theory]
    [InlineData("GET", """{"obj": "a"}""", "unavailable")]
    [InlineData("GET", """{"obj": "a", "meta": true}""", "unavailable")]
    [InlineData("PUT", """{"obj": "a", "val": 1}""", "outcome_unknown")]
    [InlineData("DELETE", """{"obj": "a"}""", "outcome_unknown")]
    [InlineData("INCR", """{"obj": "a", "request_id": "r"}""", "outcome_unknown")]
    [InlineData("MGET", """{"objs": ["a", "b"]}""", "unavailable")]
    [InlineData("BATCH", """{"ops": [{"func": "PUT", "params": {"obj": "a", "val": 1}}]}""", "outcome_unknown")]
    [InlineData("SCAN", "{}", "unavailable")]
    public async Task Call_OutcomeUnknown_ReturnsErrorAndConnectionContinues(string function, string parameters, string code)
    {
        using var wire = new TestWire(store: new BrokenStore());
        TestClient client = wire.Connect();
        Frames.AssertError(await client.CallAsync(Calls.Request(function, parameters)), code, "why");
        Assert.Equal(1, wire.Metrics[$"kestrelkv.wire.requests{{function={function},outcome={code}}}"]);
        Assert.Contains("pong", await client.CallAsync(Calls.Request("PING")), StringComparison.Ordinal);
    }

    /// <summary>Executes calls and does not know their outcomes.</summary>
    private sealed class BrokenStore() : StoreDouble(new ManagedStore(TimeProvider.System))
    {
        public override async ValueTask<int> ExecuteAsync(
            ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
        {
            await Inner.ExecuteAsync(operations, results, cancellationToken);
            throw new OutcomeUnknownException("why");
        }

        public override async ValueTask<bool> CommitAsync(
            ReadOnlyMemory<Operation> batch, IResultSink results, RequestId requestId = default, CancellationToken cancellationToken = default)
        {
            await Inner.CommitAsync(batch, results, requestId, cancellationToken);
            throw new OutcomeUnknownException("why");
        }

        public override ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default) =>
            throw new StoreUnavailableException("why");
    }

    /// <summary>Executes the first batch and reports it lost; then refuses writes. Every listing is reported lost.</summary>
    private sealed class LosingStore() : StoreDouble(new ManagedStore(TimeProvider.System))
    {
        public int Commits { get; private set; }

        public override ValueTask<int> ExecuteAsync(
            ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default) =>
            Inner.ExecuteAsync(operations, results, cancellationToken);

        public override async ValueTask<bool> CommitAsync(
            ReadOnlyMemory<Operation> batch, IResultSink results, RequestId requestId = default,
            CancellationToken cancellationToken = default)
        {
            if (++Commits == 1)
            {
                await Inner.CommitAsync(batch, results, requestId, cancellationToken);
                throw new DurabilityLostException("lost");
            }
            int write = batch.ToArray().ToList().FindIndex(operation => operation.IsWrite);
            results.OnResult(write, new OperationResult { Status = ResultStatus.DiskFailed });
            return false;
        }

        public override async ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default)
        {
            await Inner.ListAsync(query, entries, cancellationToken);
            throw new DurabilityLostException("lost");
        }
    }
}
