using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>Many calls that are canceled or late, beside others that are not.</summary>
public sealed class CancellationTests(ITestOutputHelper output)
{
    private readonly Dictionary<string, (Type? Failure, Type? Outcome)> _outcomes = [];

    [Fact]
    public Task CanceledAndLateCalls_ReportTheirOutcomesAndDisturbNoOthers() => Seeds.RunAsync(async random =>
    {
        await using RestartableServer server = await RestartableServer.StartAsync();
        await using var client = new KestrelKvClient(server.Options());
        var load = new Load(client, "load:", random);
        load.Begin(10);
        for (int left = SoakTime.Count(1_000, 50_000); left > 0; left -= 50)
        {
            await Task.WhenAll(Enumerable.Range(left, 50).Select(i => (Key: $"once:{i}", Seed: random.Next()))
                .Select(call => Task.Run(() => CallAsync(client, call.Key, new Random(call.Seed)))));
        }
        await load.AwaitCallsAsync(100);
        await load.EndAsync();
        await load.CheckAsync(client);
        await Wait.UntilAsync(() => client.CallsInProgress == 0, () => $"{client.CallsInProgress} calls remain");
        foreach (IGrouping<string, (Type?, Type?)> group in _outcomes.Values.GroupBy(pair => $"{pair.Failure?.Name} {pair.Outcome?.Name}"))
            output.WriteLine($"{group.Key}: {group.Count()}");
        Assert.Contains(_outcomes.Values, pair => pair.Outcome == typeof(NotSentException));
        Assert.Contains(_outcomes.Values, pair => pair.Outcome == typeof(OutcomeUnknownException));
        await CheckAsync(client);
    });

    /// <summary>Increments a key that no other call uses, and cancels at a random moment.</summary>
    private async Task CallAsync(KestrelKvClient client, string key, Random random)
    {
        using var cancel = new CancellationTokenSource();
        TimeSpan? timeout = random.Next(3) == 0 ? TimeSpan.FromMilliseconds(random.Next(1, 60)) : null;
        int spins = random.Next(2_000);
        if (random.Next(10) == 0) await cancel.CancelAsync();
        Type? failure = null, outcome = null;
        try
        {
            Task<IncrementResult<long>> call = client.IncrementAsync(key, 1, new WriteOptions { Timeout = timeout }, cancel.Token).AsTask();
            if (timeout is null)
            {
                if (random.Next(2) == 0) await Task.Delay(random.Next(10), CancellationToken.None);
                else Thread.SpinWait(spins);
                await cancel.CancelAsync();
            }
            await call;
        }
        catch (OperationCanceledException e)
        {
            Assert.Equal(cancel.Token, e.CancellationToken);
            (failure, outcome) = (e.GetType(), e.InnerException?.GetType());
        }
        catch (KestrelKvException e)
        {
            Assert.True(e.IsTimeout, e.Message);
            (failure, outcome) = (e.GetType(), e.GetType());
        }
        lock (_outcomes) _outcomes.Add(key, (failure, outcome));
    }

    private async Task CheckAsync(KestrelKvClient client)
    {
        Dictionary<string, long> executed = [];
        await foreach (Entry<long> entry in client.ScanAsync<long>("once:")) executed.Add(entry.Key, entry.Value);
        foreach ((string key, (Type? failure, Type? outcome)) in _outcomes)
        {
            long count = executed.GetValueOrDefault(key);
            if (failure is null) Assert.True(count == 1, $"{key} was acknowledged and executed {count} times");
            else if (outcome == typeof(NotSentException)) Assert.True(count == 0, $"{key} was not sent, but executed");
            else Assert.True(outcome == typeof(OutcomeUnknownException) && count is 0 or 1, $"{key}: {failure}, {outcome}, executed {count} times");
        }
    }
}
