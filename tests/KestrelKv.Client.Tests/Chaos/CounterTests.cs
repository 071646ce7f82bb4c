using KestrelKv.Testing;
using Xunit.Abstractions;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>
/// Increments whose deadlines are short, while the server is killed. Each has a key of its own, so that the key shows whether it was executed
/// never, once or twice.
/// </summary>
public sealed class CounterTests(ITestOutputHelper output)
{
    private const int Callers = 40;
    private const string Shared = "shared";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Outcome> _outcomes = [];
    private readonly HashSet<long> _sums = [];

    private enum Outcome
    {
        Acknowledged,
        NotSent,
        Unknown,
    }

    [Theory]
    [InlineData(WriteRetry.ExactlyOnce)]
    [InlineData(WriteRetry.AtMostOnce)]
    public Task Increments_WithShortDeadlinesAcrossKills_AreExecutedAtMostOnce(WriteRetry retry) => Seeds.RunAsync(async random =>
    {
        await using RestartableServer server = await RestartableServer.StartAsync();
        KestrelKvClientOptions options = server.Options();
        options.Retry = retry;
        await using (var client = new KestrelKvClient(options))
        {
            bool isEnding = false;
            Task[] callers = [.. Enumerable.Range(0, Callers).Select(_ => random.Next()).Select(
                (seed, caller) => Task.Run(() => RunAsync(client, caller, new Random(seed), () => !Volatile.Read(ref isEnding))))];
            for (int round = SoakTime.Count(4, 50); round > 0; round--)
            {
                int target = Count(Outcome.Acknowledged) + random.Next(100, 1_000);
                await Wait.UntilAsync(() => Count(Outcome.Acknowledged) > target || callers.Any(caller => caller.IsFaulted), () => "no progress");
                await server.RestartAsync();
            }
            Volatile.Write(ref isEnding, true);
            await Task.WhenAll(callers).WaitAsync(Wait.Patience);
            await Wait.UntilAsync(() => client.CallsInProgress == 0, () => $"{client.CallsInProgress} calls remain");
        }
        await CheckAsync(server);
        output.WriteLine(string.Join(", ", Enum.GetValues<Outcome>().Select(outcome => $"{outcome}: {Count(outcome)}")));
        Assert.True(Count(Outcome.Unknown) > 0, "the outcome of every call is known");
    });

    private int Count(Outcome outcome)
    {
        lock (_lock) return _outcomes.Values.Count(known => known == outcome);
    }

    private async Task RunAsync(KestrelKvClient client, int caller, Random random, Func<bool> continues)
    {
        for (int i = 0; continues(); i++)
        {
            string key = $"once:{caller}:{i}";
            var options = new WriteOptions
            {
                Timeout = TimeSpan.FromMilliseconds(random.Next(4) == 0 ? random.Next(1, 200) : random.Next(1_000, 10_000)),
            };
            (Outcome outcome, long sum) = (Outcome.Acknowledged, 0);
            try
            {
                if (random.Next(2) == 0) await client.IncrementAsync(key, 1, options);
                else sum = (await client.CreateBatch().Increment(key).Increment(Shared).CommitAsync(options)).GetIncrement(1).Value;
            }
            catch (NotSentException)
            {
                outcome = Outcome.NotSent;
            }
            catch (OutcomeUnknownException)
            {
                outcome = Outcome.Unknown;
            }
            lock (_lock)
            {
                _outcomes.Add(key, outcome);
                if (sum > 0) Assert.True(_sums.Add(sum), $"the sum {sum} was returned twice");
            }
        }
    }

    private async Task CheckAsync(RestartableServer server)
    {
        // Ends all connections, so that no late request follows.
        await server.RestartAsync();
        await using var client = new KestrelKvClient(server.Options());
        Dictionary<string, long> executed = [];
        await foreach (Entry<long> entry in client.ScanAsync<long>("once:")) executed.Add(entry.Key, entry.Value);
        foreach ((string key, Outcome outcome) in _outcomes)
        {
            long count = executed.GetValueOrDefault(key);
            (long min, long max) = outcome switch
            {
                Outcome.Acknowledged => (1, 1),
                Outcome.NotSent => (0, 0),
                _ => (0, 1),
            };
            Assert.True(count >= min && count <= max, $"{key} was executed {count} times, but its outcome was {outcome}");
        }
        Assert.All(executed.Keys, key => Assert.Contains(key, _outcomes.Keys));
        long shared = (await client.GetAsync<long>(Shared)).Value;
        Assert.InRange(shared, _sums.Count == 0 ? 0 : _sums.Max(), executed.Count);
    }
}
