using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>What happens to calls to a server whose database does not answer: <c>unavailable</c> and <c>outcome_unknown</c>.</summary>
public sealed class StoreFailureTests
{
    private readonly ScriptedServer _server = new();

    [Theory]
    [InlineData("unavailable")]
    [InlineData("outcome_unknown")]
    public async Task Reply_StoreFailure_RepeatsTheCallsInOrderOnAnotherConnection(string code)
    {
        await using KestrelKvClient client = _server.CreateClient();
        Task<WriteResult>[] calls = [.. Enumerable.Range(0, 4).Select(i => client.PutAsync($"{i}", i).AsTask())];
        ScriptedConnection connection = await _server.AcceptAsync();
        string[] requests = await connection.ReadManyAsync(4);
        connection.Reply(ScriptedConnection.Written(10));
        await calls[0];
        connection.Reply(ScriptedConnection.Error(code));
        for (int i = 0; i < 3; i++)
        {
            connection = await _server.AcceptAsync();
            Assert.Equal(requests[1..], await connection.ReadManyAsync(3));
            connection.Reply(ScriptedConnection.Error(code));
        }
        connection = await _server.AcceptAsync();
        await connection.ReadManyAsync(3);
        for (int i = 1; i < 4; i++) connection.Reply(ScriptedConnection.Written(10 + i));
        Assert.Equal([10, 11, 12, 13], (await Task.WhenAll(calls)).Select(result => result.Version));
    }

    /// <summary>A reply that arrived is not asked for again.</summary>
    [Fact]
    public async Task Reply_SuccessBehindAStoreFailure_IsDelivered()
    {
        await using KestrelKvClient client = _server.CreateClient(options => options.Retry = WriteRetry.AtLeastOnce);
        Task<WriteResult> failing = client.PutAsync("a", 1).AsTask(), succeeding = client.PutAsync("b", 1).AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        string[] requests = await connection.ReadManyAsync(2);
        connection.Send(Frames.Stream([ScriptedConnection.Error("unavailable"), ScriptedConnection.Written(7)]));
        Assert.Equal(7, (await succeeding).Version);
        connection = await _server.AcceptAsync();
        Assert.Equal(requests[0], await connection.ReadAsync());
        connection.Reply(ScriptedConnection.Written(8));
        Assert.Equal(8, (await failing).Version);
    }

    [Fact]
    public async Task Reply_StoreFailureOfAnAtMostOnceCall_IsItsResult()
    {
        await using KestrelKvClient client = _server.CreateClient(options => options.Retry = WriteRetry.AtMostOnce);
        Task<WriteResult> refused = client.PutAsync("a", 1).AsTask(), unknown = client.PutAsync("b", 1).AsTask(), done = client.PutAsync("c", 1).AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadManyAsync(3);
        connection.Reply(ScriptedConnection.Error("unavailable"));
        connection.Reply(ScriptedConnection.Error("outcome_unknown"));
        connection.Reply(ScriptedConnection.Written(7));
        RefusedException refusal = await Assert.ThrowsAsync<RefusedException>(() => refused);
        Assert.Equal(("unavailable", true), (refusal.Code, refusal.IsTransient));
        Assert.Equal("outcome_unknown", (await Assert.ThrowsAsync<OutcomeUnknownException>(() => unknown)).Code);
        Assert.Equal(7, (await done).Version);
        Assert.Equal(1, _server.Attempts);
    }

    [Fact]
    public async Task Reply_StoreFailureAndNoServerUntilTheDeadline_NamesTheReason()
    {
        var time = new TestTime();
        await using KestrelKvClient client = _server.CreateClient(options => (options.Time, options.Timeout) = (time, TimeSpan.FromSeconds(10)));
        Task<Entry<int>> call = client.GetAsync<int>("a").AsTask();
        ScriptedConnection connection = await _server.AcceptAsync();
        await connection.ReadAsync();
        int attempts = _server.Attempts;
        _server.IsDown = true;
        connection.Reply(ScriptedConnection.Error("unavailable"));
        await Clock.AdvanceUntilAsync(time, call, TimeSpan.FromMilliseconds(50));
        Assert.True(_server.Attempts > attempts);
        OutcomeUnknownException failure = await Assert.ThrowsAsync<OutcomeUnknownException>(() => call);
        Assert.True(failure.IsTimeout);
        Assert.EndsWith("The last connection failed: localhost:4444: The server is down.", failure.Message, StringComparison.Ordinal);
    }
}
