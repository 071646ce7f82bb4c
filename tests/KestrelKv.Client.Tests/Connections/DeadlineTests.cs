using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>Deadlines and cancellations of calls in each state, and the limits of a lane.</summary>
public sealed class DeadlineTests : IDisposable
{
    private readonly ScriptedServer _server = new();
    private readonly TestTime _time = new();
    private readonly CancellationTokenSource _canceler = new();

    [Fact]
    public async Task Deadline_BeforeTheConnection_NotSent()
    {
        await using KestrelKvClient client = Create();
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        ScriptedConnection connection = await _server.AcceptRawAsync();
        _time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(call.IsCompleted);
        await Clock.AdvanceUntilAsync(_time, call, TimeSpan.FromMilliseconds(50));
        NotSentException failure = await Assert.ThrowsAsync<NotSentException>(() => call);
        Assert.True(failure.IsTimeout);
        await BrokenConnectionTests.AssertNoCallsAsync(client);

        // The connection serves later calls, and the late one is not sent.
        Task<Entry<int>> next = client.GetAsync<int>("next").AsTask();
        await connection.GreetAsync();
        Assert.Equal("next", ScriptedConnection.KeyOf(await connection.ReadAsync()));
        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await next).Value);
    }

    [Fact]
    public async Task Deadline_WhileQueued_NotSentAndTheRequestNeverLeaves()
    {
        await using KestrelKvClient client = Create(options => options.StallTimeout = TimeSpan.FromHours(1));
        Task<Entry<int>> sent = client.GetAsync<int>("sent", Endless).AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.HoldWrites();
        Task<Entry<int>> held = client.GetAsync<int>("held", Endless).AsTask();
        await connection.ReadAsync();
        Task<Entry<int>> queued = client.GetAsync<int>("queued").AsTask();
        await Clock.AdvanceUntilAsync(_time, queued, TimeSpan.FromSeconds(1));
        Assert.True((await Assert.ThrowsAsync<NotSentException>(() => queued)).IsTimeout);

        connection.Break();
        Task<ScriptedConnection> accepting = _server.AcceptAsync();
        await Clock.AdvanceUntilAsync(_time, accepting, TimeSpan.FromMilliseconds(10));
        ScriptedConnection second = await accepting;
        Assert.Equal(["sent", "held"], (await second.ReadManyAsync(2)).Select(ScriptedConnection.KeyOf));
        second.Reply(ScriptedConnection.Found("1"));
        second.Reply(ScriptedConnection.Found("2"));
        Assert.Equal([1, 2], (await Task.WhenAll(sent, held)).Select(entry => entry.Value));
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Deadline_AfterSending_OutcomeUnknownAndTheLateReplyIsDiscarded()
    {
        await using KestrelKvClient client = Create();
        Task<WriteResult> late = client.PutAsync("late", 1).AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        Task<WriteResult> other = client.PutAsync("other", 1, new() { Timeout = Timeout.InfiniteTimeSpan }).AsTask();
        await connection.ReadAsync();
        await Clock.AdvanceUntilAsync(_time, late, TimeSpan.FromMilliseconds(200));
        OutcomeUnknownException failure = await Assert.ThrowsAsync<OutcomeUnknownException>(() => late);
        Assert.True(failure.IsTimeout);
        Assert.Equal(2, client.CallsInProgress);

        connection.Reply(ScriptedConnection.Written(1));
        connection.Reply(ScriptedConnection.Written(2));
        Assert.Equal(2, (await other).Version);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
        Assert.Equal(1, _server.Attempts);
    }

    [Fact]
    public async Task Deadline_OfTheCall_PrecedesThatOfTheClient()
    {
        await using KestrelKvClient client = Create();
        Task<Entry<int>> call = client.GetAsync<int>("k", new() { Timeout = TimeSpan.FromMilliseconds(100) }).AsTask();
        Task<Entry<int>> patient = client.GetAsync<int>("k").AsTask();
        await Clock.AdvanceUntilAsync(_time, call, TimeSpan.FromMilliseconds(50));
        await Assert.ThrowsAsync<NotSentException>(() => call);
        Assert.False(patient.IsCompleted);
    }

    [Fact]
    public async Task Cancellation_BeforeTheCall_NotSentAndNoConnection()
    {
        await using KestrelKvClient client = Create();
        await _canceler.CancelAsync();
        Task<Entry<int>> call = client.GetAsync<int>("k", cancellationToken: _canceler.Token).AsTask();
        await AssertCanceledAsync<NotSentException>(call);
        Assert.Equal(0, _server.Attempts);
        Assert.Equal(0, client.CallsInProgress);
    }

    [Fact]
    public async Task Cancellation_BeforeTheConnection_NotSent()
    {
        await using KestrelKvClient client = Create();
        Task<Entry<int>> call = client.GetAsync<int>("canceled", cancellationToken: _canceler.Token).AsTask();
        Task<Entry<int>> other = client.GetAsync<int>("other").AsTask();
        ScriptedConnection connection = await _server.AcceptRawAsync();
        await _canceler.CancelAsync();
        await AssertCanceledAsync<NotSentException>(call);
        await connection.GreetAsync();
        Assert.Equal("other", ScriptedConnection.KeyOf(await connection.ReadAsync()));
        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await other).Value);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Cancellation_AfterSending_OutcomeUnknownAndTheLateReplyIsDiscarded()
    {
        await using KestrelKvClient client = Create();
        Task<Entry<int>> call = client.GetAsync<int>("canceled", cancellationToken: _canceler.Token).AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        await _canceler.CancelAsync();
        await AssertCanceledAsync<OutcomeUnknownException>(call);
        Assert.Equal(1, client.CallsInProgress);
        Task<Entry<int>> other = client.GetAsync<int>("other").AsTask();
        await connection.ReadAsync();
        connection.Reply(ScriptedConnection.Found("1"));
        connection.Reply(ScriptedConnection.Found("2"));
        Assert.Equal(2, (await other).Value);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Cancellation_OfASentCallBeforeTheConnectionBreaks_IsNotSentAgain()
    {
        await using KestrelKvClient client = Create();
        Task<Entry<int>> call = client.GetAsync<int>("canceled", cancellationToken: _canceler.Token).AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        await _canceler.CancelAsync();
        await AssertCanceledAsync<OutcomeUnknownException>(call);
        first.Break();
        await BrokenConnectionTests.AssertNoCallsAsync(client);
        Task<Entry<int>> other = client.GetAsync<int>("other").AsTask();
        Task<ScriptedConnection> accepting = _server.AcceptAsync();
        await Clock.AdvanceUntilAsync(_time, accepting, TimeSpan.FromMilliseconds(10));
        ScriptedConnection second = await accepting;
        Assert.Equal("other", ScriptedConnection.KeyOf(await second.ReadAsync()));
        second.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await other).Value);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Limit_Reached_CallersWaitInOrder(bool byCalls)
    {
        await using KestrelKvClient client = Create(options => (options.CallsMax, options.QueuedBytesMax) = byCalls ? (2, long.MaxValue) : (100, 100));
        Task<Entry<int>>[] calls = [.. Enumerable.Range(0, 6).Select(i => client.GetAsync<int>($"{i}").AsTask())];
        Assert.Equal(2, client.CallsInProgress);
        ScriptedConnection connection = await _server.AcceptAsync();
        for (int i = 0; i < 6; i++)
        {
            Assert.Equal($"{i}", ScriptedConnection.KeyOf(await connection.ReadAsync()));
            Assert.InRange(client.CallsInProgress, 1, 2);
            connection.Reply(ScriptedConnection.Found($"{i}"));
            Assert.Equal(i, (await calls[i]).Value);
        }
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Limit_ReachedUntilTheDeadlineOrCancellation_NotSent()
    {
        await using KestrelKvClient client = Create(options => options.CallsMax = 1);
        Task<Entry<int>> first = client.GetAsync<int>("first", Endless).AsTask();
        Task<Entry<int>> late = client.GetAsync<int>("late").AsTask();
        Task<Entry<int>> canceled = client.GetAsync<int>("canceled", Endless, _canceler.Token).AsTask();
        Task<Entry<int>> last = client.GetAsync<int>("last", Endless).AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        await _canceler.CancelAsync();
        await AssertCanceledAsync<NotSentException>(canceled);
        await Clock.AdvanceUntilAsync(_time, late, TimeSpan.FromMilliseconds(500));
        NotSentException failure = await Assert.ThrowsAsync<NotSentException>(() => late);
        Assert.True(failure.IsTimeout);
        Assert.Contains("CallsMax", failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, client.CallsInProgress);

        connection.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await first).Value);
        Assert.Equal("last", ScriptedConnection.KeyOf(await connection.ReadAsync()));
        connection.Reply(ScriptedConnection.Found("2"));
        Assert.Equal(2, (await last).Value);
        await BrokenConnectionTests.AssertNoCallsAsync(client);
    }

    public void Dispose() => _canceler.Dispose();

    private static GetOptions Endless => new() { Timeout = Timeout.InfiniteTimeSpan };

    private KestrelKvClient Create(Action<KestrelKvClientOptions>? configure = null) => _server.CreateClient(options =>
    {
        (options.Time, options.Timeout, options.ConnectTimeout) = (_time, TimeSpan.FromSeconds(10), TimeSpan.FromHours(1));
        options.StallTimeout = TimeSpan.FromHours(1);
        configure?.Invoke(options);
    });

    private async Task AssertCanceledAsync<TOutcome>(Task call) where TOutcome : KestrelKvException
    {
        OperationCanceledException failure = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.IsType<TOutcome>(failure.InnerException);
        Assert.Equal(_canceler.Token, failure.CancellationToken);
    }
}
