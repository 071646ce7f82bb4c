using KestrelKv.Client;
using KestrelKv.Client.Testing;
using KestrelKv.Extensions.Locks;
using KestrelKv.Testing;

namespace KestrelKv.Extensions.Tests.Locks;

public sealed class LeaderElectionTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly TestTime _time = new();
    private readonly InMemoryServer _server = new();
    private readonly KestrelKvClient _client;
    private readonly LeaderElection _election;

    public LeaderElectionTests()
    {
        _client = _server.CreateClient();
        _election = new(new(_client, new() { Time = _time }));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Run_WorkEnds_EndsAndFreesTheLeadership()
    {
        long first = 0, second = 0;
        await _election.RunAsync("a", (leadership, _) =>
        {
            Assert.True(leadership.IsLeader);
            first = leadership.FencingToken;
            return Task.CompletedTask;
        }, CancellationToken.None);
        await _election.RunAsync("a", (leadership, _) =>
        {
            second = leadership.FencingToken;
            return Task.CompletedTask;
        }, CancellationToken.None);
        Assert.True(second > first);
    }

    [Fact]
    public async Task Run_WorkFails_ThrowsAndFreesTheLeadership()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => _election.RunAsync("a", (_, _) => throw new InvalidOperationException(), CancellationToken.None));
        Assert.False((await _client.GetAsync<LockHolder>("locks/a")).Found);
    }

    [Fact]
    public async Task Run_LeadershipLost_CancelsTheWorkAndLeadsAgain()
    {
        using var stop = new CancellationTokenSource();
        List<long> tokens = [];
        TaskCompletionSource working = new(), again = new();
        Task running = _election.RunAsync("a", async (leadership, lost) =>
        {
            tokens.Add(leadership.FencingToken);
            (tokens.Count == 1 ? working : again).SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, lost);
        }, stop.Token);
        await working.Task.WaitAsync(Wait.Patience);
        await _client.DeleteAsync("locks/a");

        // Advances until a renewal notices.
        await Wait.UntilAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return again.Task.IsCompleted;
            }, () => "the process does not lead again");
        Assert.True(tokens[1] > tokens[0]);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.WaitAsync(Wait.Patience));
        Assert.False((await _client.GetAsync<LockHolder>("locks/a")).Found);
    }
}
