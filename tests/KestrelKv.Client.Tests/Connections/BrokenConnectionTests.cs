using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>What happens to calls whose connection breaks.</summary>
public sealed class BrokenConnectionTests
{
    private readonly ScriptedServer _server = new();

    [Fact]
    public async Task Break_ReadsInFlight_AreSentAgainInOrderBeforeQueuedOnes()
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>>[] early = [.. Enumerable.Range(0, 3).Select(i => client.GetAsync<int>($"{i}").AsTask())];
        ScriptedConnection first = await _server.AcceptAsync();
        Assert.Equal(["0", "1", "2"], (await first.ReadManyAsync(3)).Select(ScriptedConnection.KeyOf));

        // The next write waits, so the calls after it are queued.
        first.HoldWrites();
        Task<Entry<int>> held = client.GetAsync<int>("3").AsTask();
        await first.ReadAsync();
        Task<Entry<int>>[] queued = [.. Enumerable.Range(4, 3).Select(i => client.GetAsync<int>($"{i}").AsTask())];
        first.Break();

        ScriptedConnection second = await _server.AcceptAsync();
        for (int i = 0; i < 7; i++)
        {
            Assert.Equal($"{i}", ScriptedConnection.KeyOf(await second.ReadAsync()));
            second.Reply(ScriptedConnection.Found($"{i}"));
        }
        int[] values = [.. (await Task.WhenAll([.. early, held, .. queued])).Select(entry => entry.Value)];
        Assert.Equal(Enumerable.Range(0, 7), values);
        await AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Break_AnsweredCalls_AreNotSentAgain()
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>>[] calls = [.. Enumerable.Range(0, 3).Select(i => client.GetAsync<int>($"{i}").AsTask())];
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadManyAsync(3);
        first.Reply(ScriptedConnection.Found("0"));
        await calls[0];
        first.Close();

        ScriptedConnection second = await _server.AcceptAsync();
        Assert.Equal(["1", "2"], (await second.ReadManyAsync(2)).Select(ScriptedConnection.KeyOf));
        second.Reply(ScriptedConnection.Found("1"));
        second.Reply(ScriptedConnection.Found("2"));
        Assert.Equal([0, 1, 2], (await Task.WhenAll(calls)).Select(entry => entry.Value));
    }

    [Fact]
    public async Task Break_ExactlyOnce_RepeatsTheSameRequests()
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<WriteResult>[] calls = [.. Enumerable.Range(0, 3).Select(i => client.PutAsync($"{i}", i).AsTask())];
        ScriptedConnection connection = await _server.AcceptAsync();
        string[] requests = await connection.ReadManyAsync(3);
        Assert.Equal(3, requests.Distinct().Count());
        Assert.All(requests, request => Assert.Matches("\"request_id\": \"[A-Za-z0-9_-]{22}\\.[123]\", \"request_seq\": 1}}$", request));
        for (int i = 0; i < 5; i++)
        {
            connection.Break();
            connection = await _server.AcceptAsync();
            Assert.Equal(requests, await connection.ReadManyAsync(3));
        }
        for (int i = 0; i < 3; i++) connection.Reply(ScriptedConnection.Written(10 + i));
        Assert.Equal([10, 11, 12], (await Task.WhenAll(calls)).Select(result => result.Version));
        await AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Break_AtLeastOnce_RepeatsTheRequestWithoutId()
    {
        await using KestrelKvClient client = _server.CreateClient(options => options.Retry = WriteRetry.AtLeastOnce);
        Task<WriteResult> call = client.PutAsync("k", 1).AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        Assert.Equal("""{"func": "PUT", "params": {"obj": "k", "val": 1, "meta": true}}""", await first.ReadAsync());
        first.Break();
        ScriptedConnection second = await _server.AcceptAsync();
        Assert.Equal("""{"func": "PUT", "params": {"obj": "k", "val": 1, "meta": true}}""", await second.ReadAsync());
        second.Reply(ScriptedConnection.Written(7));
        Assert.Equal(7, (await call).Version);
    }

    [Fact]
    public async Task Break_AtMostOnce_FailsSentCallsAndSendsQueuedOnes()
    {
        await using KestrelKvClient client = _server.CreateClient(options => options.Retry = WriteRetry.AtMostOnce);
        Task<WriteResult> sent = client.PutAsync("sent", 1).AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        first.HoldWrites();
        Task<WriteResult> held = client.PutAsync("held", 1).AsTask();
        await first.ReadAsync();
        Task<WriteResult> queued = client.PutAsync("queued", 1).AsTask();
        first.Break();

        OutcomeUnknownException[] failures = [await Assert.ThrowsAsync<OutcomeUnknownException>(() => sent), await Assert.ThrowsAsync<OutcomeUnknownException>(() => held)];
        Assert.All(failures, failure =>
        {
            Assert.False(failure.IsTimeout);
            Assert.Contains("cut", failure.Message, StringComparison.Ordinal);
            Assert.Null(failure.Code);
        });
        ScriptedConnection second = await _server.AcceptAsync();
        Assert.Equal("queued", ScriptedConnection.KeyOf(await second.ReadAsync()));
        second.Reply(ScriptedConnection.Written(3));
        Assert.Equal(3, (await queued).Version);
        await AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task Break_InsideAReply_RepeatsItsCall()
    {
        await using KestrelKvClient client = _server.CreateClient();
        byte[] reply = Frames.Of(ScriptedConnection.Found("5"));
        Task<Entry<int>> call = client.GetAsync<int>("k").AsTask();
        foreach (int length in (int[])[1, 7, 8, 9, reply.Length - 1])
        {
            ScriptedConnection connection = await _server.AcceptAsync();
            Assert.Equal("k", ScriptedConnection.KeyOf(await connection.ReadAsync()));
            connection.Send(reply[..length]);
            connection.Close();
        }
        ScriptedConnection last = await _server.AcceptAsync();
        await last.ReadAsync();
        last.Send(reply);
        Assert.Equal(5, (await call).Value);
    }

    [Fact]
    public async Task RetryTime_Passed_OutcomeUnknownThoughTheDeadlineIsFar()
    {
        var time = new TestTime();
        await using KestrelKvClient client = _server.CreateClient(options =>
            (options.Time, options.RetryTime, options.Timeout) = (time, TimeSpan.FromSeconds(2), Timeout.InfiniteTimeSpan));
        Task<WriteResult> write = client.PutAsync("k", 1).AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        _server.IsDown = true;
        connection.Break();
        await Clock.AdvanceUntilAsync(time, write, TimeSpan.FromMilliseconds(100));

        OutcomeUnknownException failure = await Assert.ThrowsAsync<OutcomeUnknownException>(() => write);
        Assert.Contains("RetryTime", failure.Message, StringComparison.Ordinal);
        await AssertNoCallsAsync(client);
    }

    [Fact]
    public async Task RetryTime_Passed_ReadsAreStillRepeated()
    {
        var time = new TestTime();
        await using KestrelKvClient client = _server.CreateClient(options =>
            (options.Time, options.RetryTime, options.Timeout) = (time, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan));
        Task<Entry<int>> read = client.GetAsync<int>("k").AsTask();
        ScriptedConnection first = await _server.AcceptAsync();
        await first.ReadAsync();
        time.Advance(TimeSpan.FromSeconds(10));
        first.Break();
        Task<ScriptedConnection> accepting = _server.AcceptAsync();
        await Clock.AdvanceUntilAsync(time, accepting, TimeSpan.FromMilliseconds(10));
        ScriptedConnection second = await accepting;
        await second.ReadAsync();
        second.Reply(ScriptedConnection.Found("1"));
        Assert.Equal(1, (await read).Value);
    }

    [Fact]
    public async Task Dispose_CallsInFlight_FailWithTheirOutcomes()
    {
        KestrelKvClient client = _server.CreateClient();
        Task<Entry<int>> read = client.GetAsync<int>("k").AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        connection.HoldWrites();
        Task<Entry<int>> held = client.GetAsync<int>("k").AsTask();
        await connection.ReadAsync();
        Task<Entry<int>> queued = client.GetAsync<int>("k").AsTask();
        await client.DisposeAsync();

        await Assert.ThrowsAsync<OutcomeUnknownException>(() => read);
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => held);
        Assert.IsType<ObjectDisposedException>((await Assert.ThrowsAsync<NotSentException>(() => queued)).InnerException);
        Assert.IsType<ObjectDisposedException>((await Assert.ThrowsAsync<NotSentException>(() => client.GetAsync<int>("k").AsTask())).InnerException);
        await AssertNoCallsAsync(client);
        await connection.AwaitEndAsync();
    }

    internal static Task AssertNoCallsAsync(KestrelKvClient client) =>
        Wait.UntilAsync(() => client.CallsInProgress == 0, () => $"{client.CallsInProgress} calls are in progress");
}
