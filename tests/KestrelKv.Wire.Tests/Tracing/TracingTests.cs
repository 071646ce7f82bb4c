using System.Diagnostics;
using KestrelKv.Storage;
using KestrelKv.Testing;
using static KestrelKv.Wire.Tests.Traces;

namespace KestrelKv.Wire.Tests;

/// <summary>The spans of requests with <c>trace</c>.</summary>
public sealed class TracingTests
{
    private static readonly string[] AllowedTags =
        ["db.system.name", "db.operation.name", "db.operation.batch.size", "network.transport", "error.type"];

    [Fact]
    public void Serve_RequestWithTrace_HasAChildOfTheClientsSpan()
    {
        using var wire = new TestWire();
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        Assert.Equal(Frames.PutReply("user:1"), client.Call(Sampled(Frames.Put("user:1", "\"secret\""))));

        Activity span = Assert.Single(spans.Ended);
        Assert.Equal(("PUT", ActivityKind.Server), (span.DisplayName, span.Kind));
        Assert.Equal((TraceId, ParentId, true), (span.TraceId.ToHexString(), span.ParentSpanId.ToHexString(), span.HasRemoteParent));
        Assert.NotEqual(ParentId, span.SpanId.ToHexString());
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
        Assert.Equal(
            new Dictionary<string, object?> { ["db.system.name"] = "kestrelkv", ["db.operation.name"] = "PUT", ["network.transport"] = "tcp" },
            span.TagObjects.ToDictionary());
        Assert.Null(Activity.Current);
    }

    [Fact]
    public void Serve_TraceSplitAtEveryByte_HasItsSpan()
    {
        using var wire = new TestWire();
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        byte[] frame = Frames.Of(Sampled(Frames.Get("k")));
        for (int at = 1; at < frame.Length; at++)
        {
            client.Send(frame.AsSpan(0, at));
            client.Send(frame.AsSpan(at));
            Assert.Equal([Frames.GetReply("k", "null")], client.Replies());
        }
        foreach (byte one in frame) client.Send([one]);
        Assert.Equal([Frames.GetReply("k", "null")], client.Replies());
        Assert.Equal(frame.Length, spans.Ended.Count);
        Assert.All(spans.Ended, span => Assert.Equal((TraceId, ParentId), (span.TraceId.ToHexString(), span.ParentSpanId.ToHexString())));
    }

    [Fact]
    public void Serve_PipelinedRequests_HaveTheirSpansInOrderAndShareStoreCalls()
    {
        var store = new CurrentStore();
        using var wire = new TestWire(store: store);
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        client.Send(
            Frames.Put("a", "1"),
            Sampled(Frames.Get("a")),
            Sampled("""{"func": "PUT", "params": {"obj": "a", "val": 2, "if_version": 99}}"""),
            Frames.Get("a"),
            Sampled("""{"func": "NOPE"}"""),
            Sampled("""{"func": "GET"}"""),
            "bad",
            Sampled(Frames.Put("b", "1")),
            Sampled("""{"func": "MGET", "params": {"objs": ["a", "b"]}}"""),
            Sampled("""{"func": "MGET", "params": {"objs": ["a"]}}"""),
            Sampled("""{"func": "BATCH", "params": {"ops": [{"func": "INCR", "params": {"obj": "a"}}, {"func": "GET", "params": {"obj": "b"}}]}}"""),
            Sampled("""{"func": "INCR", "params": {"obj": "a", "request_id": "r"}}"""),
            Sampled("""{"func": "BATCH", "params": {"ops": [{"func": "PUT", "params": {"obj": "a", "val": 1, "if_exists": false}}]}}"""),
            Sampled("""{"func": "PATCH", "params": {"obj": "a", "patch": [{"op": "oops"}]}}"""),
            Sampled("""{"func": "AUTH", "params": {"user": "u", "secret": "s"}}"""),
            Sampled(Frames.Get("a")));
        Assert.Equal(16, client.Replies().Count);
        Assert.Equal(
            [
                "GET", "PUT precondition_failed", "kestrelkv", "kestrelkv missing_parameter", "PUT", "MGET", "MGET", "BATCH", "INCR",
                "BATCH precondition_failed", "PATCH invalid_value", "AUTH", "GET",
            ],
            spans.Outcomes);
        Assert.Equal(spans.Begun, spans.Ended);

        // All requests before the MGET that need the store.
        Assert.Equal(5, store.FirstCall);
        Assert.Equal([2, 2], spans.Ended.Select(span => span.GetTagItem("db.operation.batch.size")).OfType<int>());
        Activity failed = spans.Ended[1];
        Assert.Equal((ActivityStatusCode.Error, "precondition_failed"), (failed.Status, failed.StatusDescription));
        Assert.All(spans.Ended, span => Assert.Empty(span.TagObjects.Select(tag => tag.Key).Except(AllowedTags)));
    }

    [Fact]
    public void Serve_DuringACall_NoSpanIsCurrent()
    {
        var store = new CurrentStore();
        using var wire = new TestWire(store: store);
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        TestClient other = wire.Connect();
        client.Send(Sampled(Frames.Get("a")), Sampled("""{"func": "BATCH", "params": {"ops": [{"func": "GET", "params": {"obj": "a"}}]}}"""));
        other.Send(Frames.Get("a"));
        Assert.Equal(2, spans.Ended.Count);
        Assert.All(store.Current, Assert.Null);
        Assert.Equal(3, store.Current.Count);
    }

    [Fact]
    public void Serve_Unsampled_CreatesWhatTheListenerAsksFor()
    {
        using var wire = new TestWire();
        List<ActivityContext> parents = [];
        using var spans = new SpanRecorder(wire.Tracing.Source, (ref ActivityCreationOptions<ActivityContext> options) =>
        {
            parents.Add(options.Parent);
            return options.Parent.TraceFlags.HasFlag(ActivityTraceFlags.Recorded)
                ? ActivitySamplingResult.AllDataAndRecorded
                : ActivitySamplingResult.None;
        });
        TestClient client = wire.Connect();
        client.Send(Unsampled(Frames.Get("a")), Sampled(Frames.Put("a", "1")), Unsampled(Frames.Get("a")));
        Assert.Equal(3, client.Replies().Count);
        Assert.Equal(["PUT"], spans.Outcomes);
        Assert.Equal(3, parents.Count);
        Assert.All(parents, parent => Assert.True(parent.IsRemote));
    }

    [Fact]
    public void Serve_WithoutAListener_CreatesNoSpan()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        Activity? created = null;

        // The server runs on this thread, and other tests on others.
        int thread = Environment.CurrentManagedThreadId;
        EventHandler<ActivityChangedEventArgs> onChange =
            (_, change) => created ??= Environment.CurrentManagedThreadId == thread ? change.Current : null;
        Activity.CurrentChanged += onChange;
        Assert.Equal(Frames.GetReply("a", "null"), client.Call(Sampled(Frames.Get("a"))));
        Assert.Null(created);

        // With a listener, the span is current for an instant.
        using var spans = new SpanRecorder(wire.Tracing.Source);
        client.Call(Sampled(Frames.Get("a")));
        Activity.CurrentChanged -= onChange;
        Assert.Same(Assert.Single(spans.Ended), created);
    }

    [Fact]
    public void Serve_InvalidTrace_IsRefusedWithoutASpan()
    {
        using var wire = new TestWire();
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        string body = Sampled(Frames.Get("a")).Replace(TraceId, new string('0', TraceId.Length), StringComparison.Ordinal);
        Frames.AssertError(client.Call(body), "invalid_value", "\"trace\" has a trace id of zeros");
        Assert.Empty(spans.Begun);
    }

    [Fact]
    public void Serve_SlowDisk_EndsTheSpanAfterTheSync()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        client.Send(Sampled(Frames.Put("a", "1")));
        Assert.Single(spans.Begun);
        Assert.Empty(spans.Ended);
        store.Sync();
        Assert.Equal(["PUT"], spans.Outcomes);
    }

    [Fact]
    public void Serve_DiskFailsAndRequestsAreExecutedAgain_EachHasOneSpan()
    {
        var store = new FailingDiskStore();
        using var wire = new TestWire(store: store);
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        client.Send(
            Sampled(Frames.Get("kept")), Sampled(Frames.Put("a", "1")),
            Sampled("""{"func": "PUT", "params": {"obj": "a", "val": 1, "if_version": 99}}"""), Sampled(Frames.Get("a")));
        Assert.Empty(spans.Ended);
        store.Fail();
        Assert.Equal(4, client.Replies().Count);
        Assert.Equal(["GET", "PUT disk_failed", "PUT disk_failed", "GET disk_failed"], spans.Outcomes);
        Assert.Equal(4, spans.Begun.Count);
    }

    [Fact]
    public void Serve_FirstErrorIsRetracted_IsNotOfTheSpan()
    {
        var store = new ForgivingStore();
        using var wire = new TestWire(store: store);
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        Assert.Equal(Frames.PutReply("a"), client.Call(Sampled(Frames.Put("a", "1"))));
        Assert.Equal(["PUT"], spans.Outcomes);
        Assert.Equal(2, store.Calls);
    }

    [Fact]
    public async Task Serve_StoreFails_EndsAllSpans()
    {
        using var wire = new TestWire(store: new BuggyStore());
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        client.Send(Sampled(Frames.Get("a")), Sampled(Frames.Put("bug", "1")), Sampled(Frames.Get("b")));
        client.EndSending();
        Frames.AssertError(Assert.Single(await client.RepliesToEndAsync()), "internal_error", "");
        Assert.Equal(["GET internal_error", "PUT internal_error", "GET internal_error"], spans.Outcomes);
    }

    [Fact]
    public async Task Serve_ClientDisconnectsDuringTheCall_EndsTheSpan()
    {
        var store = new SlowDiskStore();
        using var wire = new TestWire(store: store);
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        client.Send(Sampled(Frames.Put("a", "1")));
        Inline.Run(() => client.Connection.Abort(new("gone")));
        store.Fail(new OperationCanceledException());
        await client.ServedAsync();
        Assert.Single(spans.Ended);
        Assert.NotNull(spans.Ended[0].GetTagItem("error.type"));
    }

    [Fact]
    public void Serve_Watch_HasASpanOfItsOpening()
    {
        using var wire = new TestWire();
        using var spans = new SpanRecorder(wire.Tracing.Source);
        TestClient client = wire.Connect();
        client.Call(Sampled("""{"func": "WATCH"}"""));
        Assert.Equal(["WATCH"], spans.Outcomes);
        string refused = wire.Connect().Call(Sampled("""{"func": "WATCH", "params": {"from_version": 99}}"""));
        Assert.Equal("future_version", Frames.ErrorCode(refused));
        Assert.Equal(["WATCH", "WATCH future_version"], spans.Outcomes);
    }

    /// <summary>Records <see cref="Activity.Current"/> in each call.</summary>
    private sealed class CurrentStore() : StoreDouble(new ManagedStore(TimeProvider.System))
    {
        public List<Activity?> Current { get; } = [];

        /// <summary>The number of operations of the first call.</summary>
        public int FirstCall { get; private set; }

        public override ValueTask<int> ExecuteAsync(
            ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
        {
            if (Current.Count == 0) FirstCall = operations.Length;
            Current.Add(Activity.Current);
            return Inner.ExecuteAsync(operations, results, cancellationToken);
        }

        public override ValueTask<bool> CommitAsync(
            ReadOnlyMemory<Operation> batch, IResultSink results, RequestId requestId = default,
            CancellationToken cancellationToken = default)
        {
            Current.Add(Activity.Current);
            return base.CommitAsync(batch, results, requestId, cancellationToken);
        }
    }

    /// <summary>Refuses the first call and loses it, and executes the second.</summary>
    private sealed class ForgivingStore() : StoreDouble(new ManagedStore(TimeProvider.System))
    {
        public int Calls { get; private set; }

        public override ValueTask<int> ExecuteAsync(
            ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
        {
            bool refuses = Calls++ == 0;
            results.OnResult(0, new OperationResult { Status = refuses ? ResultStatus.MemoryFull : ResultStatus.Done });
            return refuses ? ValueTask.FromException<int>(new DurabilityLostException("once")) : new(1);
        }
    }
}
