using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>Callers with long deadlines do not notice that the server is killed and started again.</summary>
public sealed class RestartTests(ITestOutputHelper output)
{
    private const int Callers = 50;

    /// <summary>Small segments, so that recovery also reads snapshots.</summary>
    private static readonly string[] SmallFiles = ["Data:SegmentBytes=1048576", "Data:SnapshotLogBytes=2097152"];

    [Fact]
    public Task Calls_AcrossKills_SucceedAndTakeEffectExactlyOnce() => Seeds.RunAsync(async random =>
    {
        await using RestartableServer server = await RestartableServer.StartAsync(SmallFiles);
        await using var client = new KestrelKvClient(server.Options());
        var load = new Load(client, "", random);
        load.Begin(Callers);
        int rounds = SoakTime.Count(4, 50), interrupted = 0;
        for (int round = 0; round < rounds; round++)
        {
            await load.AwaitCallsAsync(random.Next(50, 2_000));
            interrupted += client.CallsInProgress;
            await server.RestartAsync();
        }
        await load.AwaitCallsAsync(500);
        await load.EndAsync();
        await load.CheckAsync(client);
        output.WriteLine($"{load.Calls} calls, {interrupted} in progress at {rounds} kills");
        Assert.True(interrupted > rounds, "the kills interrupted nothing");
        server.Process.AssertNoComplaint(afterKill: true);
    });

    /// <summary>A client whose calls do not wait must still reconnect.</summary>
    [Fact]
    public async Task FailFastCalls_WithoutServer_FailAtOnceAndSucceedAfterItsStart()
    {
        await using RestartableServer server = await RestartableServer.StartAsync();
        KestrelKvClientOptions options = server.Options();
        options.FailFast = true;
        await using var client = new KestrelKvClient(options);
        await client.PutAsync("k", 1);
        await server.KillAsync();
        await Wait.UntilAsync(async () => await FailsAsync(), () => "calls succeed without a server");
        for (int i = 0; i < 10; i++)
        {
            var failure = await Assert.ThrowsAsync<NotSentException>(async () => await client.PutAsync("k", 2));
            Assert.False(failure.IsTimeout, failure.Message);
        }
        await server.StartAsync();
        await Wait.UntilAsync(async () => !await FailsAsync(), () => "the client does not reconnect");
        Assert.Equal(1, (await client.GetAsync<int>("k")).Value);

        async Task<bool> FailsAsync()
        {
            try
            {
                // Both lanes must have lost their connections.
                await client.PutAsync("other", 1);
                await client.GetAsync<int>("other");
                return false;
            }
            catch (KestrelKvException e)
            {
                Assert.False(e.IsTimeout, e.Message);
                return e is NotSentException;
            }
        }
    }

    /// <summary>After the time for which the server recognizes a request, a retry would be a second execution.</summary>
    [Fact]
    public async Task Increments_WhoseRetryComesTooLate_AreNotSentAgain()
    {
        await using RestartableServer server = await RestartableServer.StartAsync();
        KestrelKvClientOptions options = server.Options();
        options.RetryTime = TimeSpan.FromSeconds(1);
        await using var client = new KestrelKvClient(options);
        await client.IncrementAsync("ready");
        await client.GetAsync<int>("ready");

        server.Process.SendSignal("STOP");
        Task<IncrementResult<long>>[] increments = [.. Enumerable.Range(0, 20).Select(i => client.IncrementAsync($"n:{i}").AsTask())];
        Task<Entry<int>> read = client.GetAsync<int>("ready").AsTask();
        await server.KillAsync();
        foreach (Task<IncrementResult<long>> increment in increments)
            Assert.False((await Assert.ThrowsAsync<OutcomeUnknownException>(() => increment)).IsTimeout);

        // A read may be repeated at any time.
        await server.StartAsync();
        Assert.Equal(1, (await read).Value);
        Assert.Equal(0, await client.CountAsync("n:"));
    }
}
