using System.Globalization;
using KestrelKv.Client;
using KestrelKv.Testing;

namespace KestrelKv.Extensions.Tests.Locks;

/// <summary>
/// Locks and leader election in several processes that are paused and killed. The expiry is short: it is the time that these tests must
/// wait.
/// </summary>
public sealed class ProcessTests : IAsyncLifetime, IAsyncDisposable
{
    private ServerProcess _server = null!;
    private WorkerProcess _one = null!;
    private WorkerProcess _other = null!;
    private KestrelKvClient _client = null!;

    public async Task InitializeAsync()
    {
        _server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        _one = new(_server, 3);
        _other = new(_server, 3);
        _client = new($"kestrelkv://127.0.0.1:{_server.WirePort}");
    }

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _other.DisposeAsync();
        await _client.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Lock_HolderPausedBeyondTheExpiry_NoticesTheLossAndIsRefused()
    {
        await _one.SendAsync("lock a");
        long first = await _one.ReadTokenAsync("locked");
        await _one.SendAsync("write a");
        await _one.ReadAsync("written");

        _one.Pause();
        await _other.SendAsync("lock a");
        long second = await _other.ReadTokenAsync("locked");
        Assert.True(second > first, $"{first}, {second}");
        await _other.SendAsync("write a");
        await _other.ReadAsync("written");

        _one.Continue();
        await _one.ReadAsync("lost");
        await _one.SendAsync("held");
        Assert.Equal("False", await _one.ReadAsync("held"));
        await _one.SendAsync("write a");
        await _one.ReadAsync("refused");
        await _one.SendAsync("release");
        Assert.Equal("False", await _one.ReadAsync("released"));

        // The end of the old holder does not touch the lock of the new one.
        await _other.SendAsync("release");
        Assert.Equal("True", await _other.ReadAsync("released"));
        Assert.Equal([first, second], (await _client.GetAsync<long[]>("resource/a")).Value!);
    }

    [Fact]
    public async Task Lock_HolderKilled_IsAcquiredAfterTheExpiry()
    {
        await _one.SendAsync("lock a");
        long first = await _one.ReadTokenAsync("locked");
        _one.Kill();
        await _other.SendAsync("lock a");
        Assert.True(await _other.ReadTokenAsync("locked") > first);
    }

    [Fact]
    public async Task Lock_CounterOfTwoProcesses_LosesNoIncrement()
    {
        const int Times = 40;
        await _one.SendAsync($"count c {Times}");
        await _other.SendAsync($"count c {Times}");
        List<string> lines = [.. await _one.ReadToAsync("counted"), .. await _other.ReadToAsync("counted")];

        Assert.Equal(2 * Times, (await _client.GetAsync<int>("c")).Value);
        Assert.Equal(2 * Times, lines.Distinct().Count(line => line.StartsWith("token ", StringComparison.Ordinal)));
        Assert.False((await _client.GetAsync<object>("locks/c")).Found);
    }

    [Fact]
    public async Task Lock_ServerRestarts_TokensIncrease()
    {
        using var data = new DataDirectory();
        long last = 0;
        for (int i = 0; i < 3; i++)
        {
            await using ServerProcess server = await ServerProcess.StartAsync(data: data);
            await using var worker = new WorkerProcess(server, 60);
            await worker.SendAsync("lock a");
            long token = await worker.ReadTokenAsync("locked");
            Assert.True(token > last, $"{last}, {token}");
            last = token;
            await worker.SendAsync("release");
            Assert.Equal("True", await worker.ReadAsync("released"));
            server.Kill();
            await server.WaitForExitAsync();
        }
    }

    [Fact]
    public async Task Election_LeaderKilled_AnotherLeads()
    {
        (WorkerProcess leader, WorkerProcess candidate, long first) = await ElectAsync();
        leader.Kill();
        long second = await candidate.ReadTokenAsync("leading");
        Assert.True(second > first, $"{first}, {second}");
        await AssertWritersAsync(first, second);
    }

    [Fact]
    public async Task Election_LeaderPausedBeyondTheExpiry_FollowsAndIsRefused()
    {
        (WorkerProcess leader, WorkerProcess candidate, long first) = await ElectAsync();
        leader.Pause();
        long second = await candidate.ReadTokenAsync("leading");
        await AssertWritersAsync(first, second);
        leader.Continue();
        await leader.ReadAsync("following");

        // It is a candidate again.
        candidate.Kill();
        long third = await leader.ReadTokenAsync("leading");
        Assert.True(third > second, $"{second}, {third}");
        await AssertWritersAsync(first, second, third);
    }

    private async Task<(WorkerProcess Leader, WorkerProcess Candidate, long Token)> ElectAsync()
    {
        await _one.SendAsync("lead e");
        long token = await _one.ReadTokenAsync("leading");
        await _other.SendAsync("lead e");
        await AssertWritersAsync(token);
        return (_one, _other, token);
    }

    /// <summary>Waits until the last leader has written, and fails unless the writers are exactly these, in this order.</summary>
    private async Task AssertWritersAsync(params long[] tokens)
    {
        long[] writers = [];
        await Wait.UntilAsync(
            async () => (writers = (await _client.GetAsync<long[]>("resource/e")).Value ?? []).Contains(tokens[^1]),
            () => string.Create(CultureInfo.InvariantCulture, $"{tokens[^1]} never wrote: {string.Join(", ", writers)}"));
        Assert.Equal(tokens, writers);
    }
}
