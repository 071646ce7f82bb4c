using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Cluster.Load;

/// <summary>
/// Three stores in a new schema, and callers of all kinds: a register, counters, histories and a feed. Each checks its own results all the
/// time. The first failed check is thrown by the next call of this class.
/// </summary>
internal sealed class ClusterLoad : IAsyncDisposable
{
    public const int Stores = 3;

    /// <summary>The message of a failure that is none of a check.</summary>
    public const string NoWrites = "no write is acknowledged";

    private const int Counters = 4;
    private const int HistoryLanes = 4;

    private readonly LoadState _state;
    private readonly CounterLoad[] _counters;
    private readonly HistoryLoad[] _histories;
    private readonly FeedLoad _feed;
    private readonly Task _running;

    private ClusterLoad(IReadOnlyList<PostgresStore> stores, Random random)
    {
        _state = new(stores);
        _counters = [.. Enumerable.Range(0, Counters).Select(i => new CounterLoad(_state, $"counter{i}"))];
        _histories = [.. Enumerable.Range(0, HistoryLanes).Select(i => new HistoryLoad(_state, $"history{i}"))];
        _feed = new(_state, stores[^1]);
        Func<Random, Task>[] callers =
        [
            new RegisterLoad(_state, "register").RunAsync, _ => _feed.RunAsync(),
            .. _counters.Select<CounterLoad, Func<Random, Task>>(counter => counter.RunAsync),
            .. _histories.Select<HistoryLoad, Func<Random, Task>>(history => history.RunAsync),
        ];
        _running = RunAsync([.. callers.Select(caller => (caller, new Random(random.Next())))]);
    }

    /// <summary>The stores.</summary>
    public IReadOnlyList<PostgresStore> All => _state.Stores;

    /// <summary>The longest time without an acknowledged write since <see cref="BeginRoundAsync"/>.</summary>
    public TimeSpan Outage => _state.Outage;

    /// <summary>Opens the stores, and starts the callers.</summary>
    /// <param name="open">Opens a store, with its number.</param>
    /// <param name="random">The choices of the callers.</param>
    public static async Task<ClusterLoad> StartAsync(Func<int, Task<PostgresStore>> open, Random random)
    {
        List<PostgresStore> stores = [];
        for (int i = 0; i < Stores; i++) stores.Add(await open(i));
        return new(stores, random);
    }

    /// <summary>Waits for some writes of the current state of the cluster. Then begins the measurement of the next outage.</summary>
    public async Task BeginRoundAsync(int writes = 200)
    {
        long before = _state.Writes;
        await WaitAsync(() => _state.Writes >= before + writes);
        _state.BeginOutage();
    }

    /// <summary>
    /// Waits until each store writes again. Returns the longest time without an acknowledged write since the round began.
    /// </summary>
    public async Task<TimeSpan> EndRoundAsync()
    {
        Task probes = Task.WhenAll(_state.Stores.Select(async store =>
        {
            for (bool isDone = false; !isDone;)
            {
                try
                {
                    await store.PutAsync("probe", "1");
                    isDone = true;
                }
                catch (Exception e) when (e is StoreUnavailableException or OutcomeUnknownException)
                {
                    // Not yet.
                }
            }
        }));
        await WaitAsync(() => probes.IsCompleted);
        await probes;
        return _state.Outage;
    }

    /// <summary>Ends the callers, and verifies the final state. Returns a summary.</summary>
    public async Task<string> StopAsync()
    {
        _state.Stop();
        await _running.WaitAsync(TimeSpan.FromMinutes(4));
        foreach (PostgresStore store in _state.Stores)
            foreach (CounterLoad counter in _counters)
                Assert.Equal(counter.Sum.ToString(CultureInfo.InvariantCulture), (await store.GetAsync(counter.Key)).Value);
        await _feed.CheckAsync(_state.Stores.Max(store => store.GetStats().Version));
        int overlapping = _histories.Sum(history => history.Overlapping), histories = _histories.Sum(history => history.Count);
        Assert.True(overlapping > histories, "the calls hardly overlapped");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{_state.Writes} acknowledged writes, {_counters.Sum(counter => counter.Sum)} of them counted, {_state.Reads} reads of the " +
            $"register, {histories} histories, {overlapping} overlapping calls, {_histories.Sum(history => history.Unknown)} unknown " +
            $"outcomes, {_feed.Changes} changes");
    }

    public async ValueTask DisposeAsync()
    {
        // After a failure, the cluster may not answer. The end of the stores ends all calls.
        _state.Stop();
        Task ended = _running.ContinueWith(_ => { }, TaskScheduler.Default);
        await Task.WhenAny(ended, Task.Delay(TimeSpan.FromSeconds(30)));
        _feed.Dispose();
        foreach (PostgresStore store in _state.Stores) await store.DisposeAsync();
        await ended;
    }

    /// <summary>Runs the callers. If one fails, the others stop.</summary>
    private async Task RunAsync((Func<Random, Task> Run, Random Random)[] callers)
    {
        await Task.WhenAll(callers.Select(caller => Task.Run(async () =>
        {
            try
            {
                await caller.Run(caller.Random);
            }
            catch
            {
                _state.Stop();
                throw;
            }
        })));
    }

    private async Task WaitAsync(Func<bool> condition) => await Wait.UntilAsync(
        async () =>
        {
            if (_running.IsCompleted) await _running;
            return condition();
        },
        () => $"{NoWrites} for {_state.Outage.TotalSeconds:F0} s");
}
