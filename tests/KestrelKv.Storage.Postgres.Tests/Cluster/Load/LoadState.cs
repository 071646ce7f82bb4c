using System.Diagnostics;

namespace KestrelKv.Storage.Postgres.Tests.Cluster.Load;

/// <summary>What all callers of a load share: the stores, the end, and the times of acknowledged writes. Thread-safe.</summary>
internal sealed class LoadState(IReadOnlyList<PostgresStore> stores)
{
    private readonly Lock _lock = new();
    private volatile bool _isStopping;
    private long _writes;
    private long _reads;
    private long _lastAt = Stopwatch.GetTimestamp();
    private TimeSpan _outage;

    public IReadOnlyList<PostgresStore> Stores => stores;

    public bool IsStopping => _isStopping;

    /// <summary>The number of acknowledged writes.</summary>
    public long Writes => Volatile.Read(ref _writes);

    public long Reads => Volatile.Read(ref _reads);

    /// <summary>The longest time without an acknowledged write since <see cref="BeginOutage"/>.</summary>
    public TimeSpan Outage
    {
        get
        {
            lock (_lock) return Max(_outage, Stopwatch.GetElapsedTime(_lastAt));
        }
    }

    public void Stop() => _isStopping = true;

    public PostgresStore StoreOf(Random random) => stores[random.Next(stores.Count)];

    public void BeginOutage()
    {
        lock (_lock) _outage = default;
    }

    public void CountRead() => Interlocked.Increment(ref _reads);

    public void CountWrite()
    {
        lock (_lock)
        {
            long now = Stopwatch.GetTimestamp();
            _outage = Max(_outage, Stopwatch.GetElapsedTime(_lastAt, now));
            _lastAt = now;
            _writes++;
        }
    }

    private static TimeSpan Max(TimeSpan x, TimeSpan y) => x > y ? x : y;
}
