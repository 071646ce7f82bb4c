using System.Diagnostics;
using KestrelKv.Client.Tests.Connections;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Telemetry;

/// <summary>The span and the duration of a call, by the OpenTelemetry conventions for database clients.</summary>
public sealed class ClientTelemetryTests : IDisposable
{
    private const int Port = 4_567;

    private readonly ScriptedServer _server = new();
    private readonly TelemetryProbe _probe = new();

    /// <summary>A call of each function, and its reply.</summary>
    public static TheoryData<string, Func<KestrelKvClient, Task>, string> Calls() => new()
    {
        { "GET", client => client.GetAsync<int>("k").AsTask(), ScriptedConnection.Found("1") },
        { "GET", client => client.GetUtf8Async("k").AsTask(), ScriptedConnection.Found("1") },
        { "MGET", client => client.GetManyAsync<int>(["k"]).AsTask(), Reply("MGET", """{"entries": [{"obj": "k", "found": false}]}""") },
        { "PUT", client => client.PutAsync("k", 1).AsTask(), ScriptedConnection.Written() },
        { "DELETE", client => client.DeleteAsync("k").AsTask(), Reply("DELETE", """{"obj": "k"}""") },
        { "PATCH", client => client.MergeAsync("k", 1).AsTask(), Reply("PATCH", """{"obj": "k"}""") },
        { "PATCH", client => client.PatchAsync("k", new JsonPatch().Remove("/a")).AsTask(), Reply("PATCH", """{"obj": "k"}""") },
        { "INCR", client => client.IncrementAsync("k").AsTask(), Reply("INCR", """{"obj": "k", "val": 1}""") },
        { "EXPIRE", client => client.ExpireAsync("k", Expiry.Never).AsTask(), Reply("EXPIRE", """{"obj": "k"}""") },
        { "SCAN", client => client.CountAsync("").AsTask(), Reply("SCAN", """{"count": 1}""") },
        { "SCAN", async client => Assert.False(await client.ScanKeysAsync("").GetAsyncEnumerator().MoveNextAsync()), Reply("SCAN", """{"entries": [], "next": null}""") },
        { "BATCH", client => client.CreateBatch().Get("k").CommitAsync().AsTask(), Reply("BATCH", """{"version": 0, "results": [{"obj": "k", "found": false}]}""") },
        { "INFO", client => client.InfoAsync().AsTask(), Reply("INFO", "{}") },
        { "PING", client => client.PingAsync().AsTask(), ScriptedConnection.Pong },
    };

    [Fact]
    public async Task Calls_ListenerThrows_HaveTheirReplies()
    {
        int failures = 0;
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "KestrelKv.Client",
            Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                options.Parent.TraceId == _probe.Caller.TraceId ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = span =>
            {
                if (span.TraceId != _probe.Caller.TraceId) return;
                Interlocked.Increment(ref failures);
                throw new InvalidOperationException("The listener fails.");
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using KestrelKvClient client = CreateClient();
        Task<Entry<int>>[] calls = [.. Enumerable.Range(0, 3).Select(i => client.GetAsync<int>($"{i}").AsTask())];
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadManyAsync(calls.Length);
        connection.Send(Frames.Stream([.. calls.Select((_, i) => ScriptedConnection.Found($"{i}"))]));
        Assert.Equal([0, 1, 2], (await Task.WhenAll(calls)).Select(entry => entry.Value));
        Assert.Equal(calls.Length, Volatile.Read(ref failures));
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Call_Succeeds_HasASpanAndADuration(string operation, Func<KestrelKvClient, Task> call, string reply)
    {
        await using KestrelKvClient client = CreateClient();
        Task calling = call(client);
        ScriptedConnection connection = await _server.AcceptAsync();
        string request = await connection.ReadAsync();
        connection.Reply(reply);
        await calling;

        Activity span = await _probe.ReadSpanAsync();
        Assert.Equal((operation, operation, ActivityKind.Client), (span.OperationName, span.DisplayName, span.Kind));
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
        Assert.Equal(_probe.Caller.SpanId, span.ParentSpanId);
        AssertCommonTags(new(span.TagObjects), operation);
        Assert.Null(span.GetTagItem("error.type"));
        Assert.Null(span.GetTagItem("db.response.status_code"));
        Assert.Null(span.GetTagItem("db.operation.batch.size"));
        // The server continues the trace.
        Assert.EndsWith($", \"trace\": \"{span.Id}\"}}", request, StringComparison.Ordinal);

        Dictionary<string, object?> duration = await _probe.ReadDurationAsync();
        AssertCommonTags(duration, operation);
        Assert.DoesNotContain("error.type", duration.Keys);
        _probe.AssertEmpty();
    }

    [Fact]
    public async Task Call_Refused_HasTheCodeAsErrorType()
    {
        Activity span = await AnswerAsync<RefusedException>(client => client.PutAsync("k", 1).AsTask(), ScriptedConnection.Error("forbidden"));
        Assert.Equal("forbidden", span.GetTagItem("error.type"));
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.StartsWith("A message.", span.StatusDescription, StringComparison.Ordinal);
        AssertCommonTags(new(span.TagObjects), "PUT");
        Dictionary<string, object?> duration = await _probe.ReadDurationAsync();
        AssertCommonTags(duration, "PUT");
        Assert.Equal("forbidden", duration["error.type"]);
        _probe.AssertEmpty();
    }

    [Fact]
    public async Task Call_Refused_HasTheCodeAsStatusCode()
    {
        Activity span = await AnswerAsync<RefusedException>(client => client.PutAsync("k", 1).AsTask(), ScriptedConnection.Error("forbidden"));
        Assert.Equal("forbidden", span.GetTagItem("db.response.status_code"));
        Assert.Equal("forbidden", (await _probe.ReadDurationAsync())["db.response.status_code"]);
    }

    [Fact]
    public async Task Call_DiskFailed_HasTheCode()
    {
        Activity span = await AnswerAsync<OutcomeUnknownException>(client => client.PutAsync("k", 1).AsTask(), ScriptedConnection.Error("disk_failed"));
        Assert.Equal(("disk_failed", "disk_failed", ActivityStatusCode.Error), (span.GetTagItem("error.type"), span.GetTagItem("db.response.status_code"), span.Status));
    }

    [Fact]
    public async Task Call_PreconditionFailed_IsNoError()
    {
        await using KestrelKvClient client = CreateClient();
        Task<WriteResult> call = client.PutAsync("k", 1, new() { IfVersion = 1 }).AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Error("precondition_failed", ", \"version\": 9"));
        Assert.False((await call).Applied);
        Activity span = await _probe.ReadSpanAsync();
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
        Assert.Null(span.GetTagItem("error.type"));
        Assert.Equal("precondition_failed", span.GetTagItem("db.response.status_code"));
        Assert.DoesNotContain("error.type", (await _probe.ReadDurationAsync()).Keys);
    }

    [Fact]
    public async Task Call_ConnectionBreaks_HasTheExceptionAsErrorType()
    {
        await using KestrelKvClient client = CreateClient();
        Task<WriteResult> call = client.PutAsync("k", 1, new() { Retry = WriteRetry.AtMostOnce }).AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Break();
        OutcomeUnknownException failure = await Assert.ThrowsAsync<OutcomeUnknownException>(() => call);

        Activity span = await _probe.ReadSpanAsync();
        Assert.Equal("KestrelKv.Client.OutcomeUnknownException", span.GetTagItem("error.type"));
        Assert.Equal((ActivityStatusCode.Error, failure.Message), (span.Status, span.StatusDescription));
        Assert.Null(span.GetTagItem("db.response.status_code"));
        Assert.Equal("KestrelKv.Client.OutcomeUnknownException", (await _probe.ReadDurationAsync())["error.type"]);
        _probe.AssertEmpty();
    }

    [Fact]
    public async Task Call_Canceled_HasTheExceptionAsErrorType()
    {
        await using KestrelKvClient client = CreateClient();
        using var canceler = new CancellationTokenSource();
        Task<Entry<int>> call = client.GetAsync<int>("k", default, canceler.Token).AsTask();
        await (await _server.AcceptAsync()).ReadAsync();
        await canceler.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => call);
        Activity span = await _probe.ReadSpanAsync();
        Assert.Equal(("System.OperationCanceledException", ActivityStatusCode.Error), (span.GetTagItem("error.type"), span.Status));
        Assert.Equal("System.OperationCanceledException", (await _probe.ReadDurationAsync())["error.type"]);
    }

    [Fact]
    public async Task Call_InvalidArgument_EndsItsSpan()
    {
        await using KestrelKvClient client = CreateClient();
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetAsync<int>("").AsTask());
        Activity span = await _probe.ReadSpanAsync();
        Assert.Equal(("System.ArgumentException", ActivityStatusCode.Error), (span.GetTagItem("error.type"), span.Status));
        Assert.Same(_probe.Caller, Activity.Current);
    }

    [Fact]
    public async Task Call_RepeatedAfterABreak_HasOneSpan()
    {
        await using KestrelKvClient client = CreateClient();
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        first.Break();
        ScriptedConnection second = await _server.AcceptAsync();
        await second.ReadAsync();
        second.Reply(ScriptedConnection.Found("1"));
        await call;
        Assert.Equal(ActivityStatusCode.Unset, (await _probe.ReadSpanAsync()).Status);
        await _probe.ReadDurationAsync();
        _probe.AssertEmpty();
    }

    [Fact]
    public async Task Call_SeveralAtOnce_EachHasASpanUnderTheCaller()
    {
        await using KestrelKvClient client = CreateClient();
        Task<Entry<int>>[] calls = [.. Enumerable.Range(0, 3).Select(i => client.GetAsync<int>($"{i}").AsTask())];
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadManyAsync(3);
        for (int i = 0; i < 3; i++) connection.Reply(ScriptedConnection.Found("1"));
        await Task.WhenAll(calls);
        Activity[] spans = [await _probe.ReadSpanAsync(), await _probe.ReadSpanAsync(), await _probe.ReadSpanAsync()];
        Assert.All(spans, span => Assert.Equal(_probe.Caller.SpanId, span.ParentSpanId));
        Assert.Equal(3, spans.Select(span => span.SpanId).Distinct().Count());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Batch_SeveralOperations_HasTheirNumber(int count)
    {
        await using KestrelKvClient client = CreateClient();
        Batch batch = client.CreateBatch();
        for (int i = 0; i < count; i++) batch.Get("k");
        Task<BatchResult> call = batch.CommitAsync().AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(Reply("BATCH", $$"""{"version": 0, "results": [{{string.Join(", ", Enumerable.Repeat("{}", count))}}]}"""));
        await call;
        Activity span = await _probe.ReadSpanAsync();
        AssertCommonTags(new(span.TagObjects), "BATCH");
        Assert.Equal(count, span.GetTagItem("db.operation.batch.size"));
    }

    [Fact]
    public async Task Call_StartedAndAwaited_LeavesTheCurrentActivity()
    {
        await using KestrelKvClient client = CreateClient();
        ValueTask<Entry<int>> call = client.GetAsync<int>("k");
        Assert.Same(_probe.Caller, Activity.Current);
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Found("1"));
        await call;
        Assert.Same(_probe.Caller, Activity.Current);

        ValueTask<WriteResult> refused = client.PutAsync("k", 1);
        Assert.Same(_probe.Caller, Activity.Current);
        connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Error("forbidden"));
        await Assert.ThrowsAsync<RefusedException>(async () => await refused);
        Assert.Same(_probe.Caller, Activity.Current);
    }

    [Fact]
    public async Task Call_NeverAwaited_EndsItsSpan()
    {
        await using KestrelKvClient client = CreateClient();
        ValueTask<Entry<int>> call = client.GetAsync<int>("k");
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        _probe.AssertEmpty();
        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(ActivityStatusCode.Unset, (await _probe.ReadSpanAsync()).Status);
        AssertCommonTags(await _probe.ReadDurationAsync(), "GET");
        GC.KeepAlive(call);
    }

    [Fact]
    public async Task Call_RefusedAndNeverAwaited_EndsItsSpanWithTheError()
    {
        await using KestrelKvClient client = CreateClient();
        ValueTask<WriteResult> call = client.PutAsync("k", 1);
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Error("forbidden"));
        Assert.Equal("forbidden", (await _probe.ReadSpanAsync()).GetTagItem("error.type"));
        Assert.Equal("forbidden", (await _probe.ReadDurationAsync())["error.type"]);
        GC.KeepAlive(call);
    }

    public void Dispose() => _probe.Dispose();

    /// <summary>Answers a call, which fails. Returns its span.</summary>
    private async Task<Activity> AnswerAsync<TException>(Func<KestrelKvClient, Task> call, string reply)
        where TException : Exception
    {
        await using KestrelKvClient client = CreateClient();
        Task calling = call(client);
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(reply);
        await Assert.ThrowsAsync<TException>(() => calling);
        return await _probe.ReadSpanAsync();
    }

    private KestrelKvClient CreateClient()
    {
        // The constructor may run in another execution context than the test.
        Activity.Current = _probe.Caller;
        return _server.CreateClient(options => (options.Host, options.Port) = (_probe.Host, Port));
    }

    private void AssertCommonTags(Dictionary<string, object?> tags, string operation)
    {
        Assert.Equal("kestrelkv", tags["db.system.name"]);
        Assert.Equal(operation, tags["db.operation.name"]);
        Assert.Equal(_probe.Host, tags["server.address"]);
        Assert.Equal(Port, tags["server.port"]);
    }

    private static string Reply(string function, string response) =>
        $$$"""{"status": "OK", "response": {"func": "{{{function}}}", "response": {{{response}}} }}""";
}
