using System.Collections.Concurrent;
using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>The connections that are open, and the one timer that watches over their times.</summary>
/// <remarks>
/// The timer is set while connections are open, and goes to rest at a tick that finds none: connections that come and go within half
/// a second do not set it each. Invariant: if a connection is open and its <see cref="TryAdd"/> has returned, the timer is set.
/// </remarks>
public sealed class WireConnections : IDisposable
{
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<WireConnection, bool> _open = new();
    private readonly ITimer _timer;
    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private readonly int _max;
    private readonly Lock _totalsLock = new();
    private readonly ConnectionCounters _closedTotals = new();
    private int _count;
    private int _isWatching;

    /// <summary>No connections yet.</summary>
    public WireConnections(WireOptions options, TimeProvider time)
    {
        _time = time;
        _startedAt = time.GetTimestamp();
        _max = options.ConnectionsMax;
        Replies = new ByteBudget(options.ReplyBytesTotalMax, time);
        Requests = new ByteBudget(options.RequestBytesTotalMax, time);
        _timer = time.CreateTimer(static state => ((WireConnections)state!).CheckTimes(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether connections are open, or were in the last half second.</summary>
    public bool IsInUse => Volatile.Read(ref _isWatching) != 0;

    /// <summary>Called when the first connection opens after a time without any. Must not block or throw.</summary>
    public event Action? Used;

    /// <summary>How many connections are being served.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>What large replies of all connections take until their clients have read them.</summary>
    public ByteBudget Replies { get; }

    /// <summary>What large requests of all connections take until they have arrived and are executed.</summary>
    public ByteBudget Requests { get; }

    /// <summary>For how long connections have been served.</summary>
    public TimeSpan Uptime => _time.GetElapsedTime(_startedAt);

    /// <summary>Stops the timer.</summary>
    public void Dispose() => _timer.Dispose();

    /// <summary>False where there are as many as there may be.</summary>
    internal bool TryAdd(WireConnection connection)
    {
        if (Interlocked.Increment(ref _count) > _max)
        {
            Interlocked.Decrement(ref _count);
            return false;
        }
        _open[connection] = true;
        BeginToWatch();
        return true;
    }

    internal void Remove(WireConnection connection)
    {
        // Under the lock, so that a sum has each connection's counts once, open or closed.
        lock (_totalsLock)
        {
            _open.TryRemove(connection, out _);
            _closedTotals.Add(connection.Counters);
        }
        Interlocked.Decrement(ref _count);
    }

    /// <summary>Counts a connection that was never let in.</summary>
    internal void AddClosed(ConnectionCounters counters)
    {
        lock (_totalsLock) _closedTotals.Add(counters);
    }

    /// <summary>What all connections, open and closed, have done so far.</summary>
    internal ConnectionCounters Sum()
    {
        var sum = new ConnectionCounters();
        lock (_totalsLock)
        {
            sum.Add(_closedTotals);
            foreach ((WireConnection connection, _) in _open) sum.Add(connection.Counters);
        }
        return sum;
    }

    /// <summary>Sets the timer, if it is at rest. The count must have been raised before.</summary>
    private void BeginToWatch()
    {
        if (Volatile.Read(ref _isWatching) != 0 || Interlocked.Exchange(ref _isWatching, 1) != 0) return;
        _timer.Change(CheckPeriod, Timeout.InfiniteTimeSpan);
        Used?.Invoke();
    }

    private void CheckTimes()
    {
        foreach ((WireConnection connection, _) in _open) connection.CheckTimes();
        if (Count > 0)
        {
            _timer.Change(CheckPeriod, Timeout.InfiniteTimeSpan);
            return;
        }

        // Either a connection that opens now sees that the timer is at rest, or this sees the connection.
        Interlocked.Exchange(ref _isWatching, 0);
        if (Count > 0) BeginToWatch();
    }
}
