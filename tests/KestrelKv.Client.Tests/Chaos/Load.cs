using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Chaos;

/// <summary>
/// Callers that put, read, increment, update and commit batches on one client. None of their calls may fail, each must take effect exactly
/// once, and each must return the result of its own execution.
/// </summary>
internal sealed class Load(KestrelKvClient client, string prefix, Random random)
{
    private const int Counters = 4;

    private readonly List<long>[] _sums = [.. Enumerable.Range(0, Counters).Select(_ => new List<long>())];
    private readonly Dictionary<string, int> _values = [];
    private Task[] _callers = [];
    private int _calls;
    private int _updates;
    private bool _isEnding;

    /// <summary>The number of calls that have returned.</summary>
    public int Calls => Volatile.Read(ref _calls);

    public void Begin(int callers) =>
        _callers = [.. Enumerable.Range(0, callers).Select(caller => (Caller: caller, Seed: random.Next()))
            .Select(start => Task.Run(() => RunAsync(start.Caller, new Random(start.Seed))))];

    /// <summary>Waits until a number of further calls have returned.</summary>
    public async Task AwaitCallsAsync(int count)
    {
        int target = Calls + count;
        await Wait.UntilAsync(
            () => Calls >= target || _callers.Any(caller => caller.IsFaulted), () => $"{Calls} calls have returned, expected {target}");
        foreach (Task caller in _callers.Where(caller => caller.IsFaulted)) await caller;
    }

    /// <summary>Ends the callers, none of which may have failed.</summary>
    public async Task EndAsync()
    {
        Volatile.Write(ref _isEnding, true);
        await Task.WhenAll(_callers).WaitAsync(Wait.Patience);
    }

    /// <summary>Checks that the store has exactly the writes that were acknowledged.</summary>
    public async Task CheckAsync(KestrelKvClient checker)
    {
        for (int counter = 0; counter < Counters; counter++)
        {
            Assert.Equal(Enumerable.Range(1, _sums[counter].Count).Select(sum => (long)sum), _sums[counter].Order());
            Entry<long> stored = await checker.GetAsync<long>(Counter(counter));
            Assert.Equal(_sums[counter].Count, stored.Value);
        }
        Assert.Equal(_updates, (await checker.GetAsync<int>(Updated)).Value);
        foreach (string[] keys in _values.Keys.Chunk(1_000))
            foreach (Entry<int> entry in await checker.GetManyAsync<int>(keys)) Assert.Equal((entry.Key, _values[entry.Key]), (entry.Key, entry.Value));
        Assert.Equal(_values.Count, await checker.CountAsync($"{prefix}v:"));
    }

    private string Updated => $"{prefix}updated";

    private string Counter(int counter) => $"{prefix}n:{counter}";

    private async Task RunAsync(int caller, Random choices)
    {
        Dictionary<string, int> own = [];
        List<(int Counter, long Sum)> sums = [];
        int updates = 0, last = 0;
        while (!Volatile.Read(ref _isEnding))
        {
            string key = $"{prefix}v:{caller}:{choices.Next(8)}";
            int counter = choices.Next(Counters), value = ++last;
            switch (choices.Next(10))
            {
                case < 3:
                    WriteResult put = await client.PutAsync(key, value);
                    Assert.Equal((true, own.ContainsKey(key)), (put.Applied, put.Existed));
                    own[key] = value;
                    break;
                case < 5:
                    Entry<int> read = await client.GetAsync<int>(key);
                    Assert.Equal((own.ContainsKey(key), own.GetValueOrDefault(key)), (read.Found, read.Value));
                    break;
                case < 8:
                    sums.Add((counter, (await client.IncrementAsync(Counter(counter))).Value));
                    break;
                case < 9:
                    BatchResult batch = await client.CreateBatch().Put(key, value).Increment(Counter(counter)).CommitAsync();
                    Assert.True(batch.Applied);
                    own[key] = value;
                    sums.Add((counter, batch.GetIncrement(1).Value));
                    break;
                default:
                    // A retry that reported its own first execution as a conflict would count twice.
                    await client.UpdateAsync<int>(Updated, entry => entry.Value + 1);
                    updates++;
                    break;
            }
            Interlocked.Increment(ref _calls);
        }
        lock (_values)
        {
            foreach ((string key, int value) in own) _values.Add(key, value);
            foreach ((int counter, long sum) in sums) _sums[counter].Add(sum);
            _updates += updates;
        }
    }
}
