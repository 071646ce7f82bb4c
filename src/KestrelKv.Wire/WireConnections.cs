using System.Collections.Concurrent;
using KestrelKv.Protocol;

namespace KestrelKv.Wire;

/// <summary>The open connections, and one timer for the timeouts of all.</summary>
/// <remarks>
/// The timer runs while connections are open, and stops at a tick that finds none. Connections that open and close within half a second
/// therefore do not set it each time. Invariant: if a connection is open and its <see cref="TryAdd"/> has returned, the timer is set.
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

    /// <summary>The connections whose clients have neither authenticated nor rights without.</summary>
    private readonly OldestFirst<WireConnection> _unauthenticated;

    /// <summary>The connections in the TLS handshake, as the sources that cancel it.</summary>
    private readonly OldestFirst<CancellationTokenSource> _handshakes;
    private int _timerIsSet;

    /// <summary>Creates the object without connections.</summary>
    public WireConnections(WireOptions options, TimeProvider time)
    {
        _time = time;
        _startedAt = time.GetTimestamp();
        _max = options.ConnectionsMax;
        _unauthenticated = new(options.UnauthenticatedMax);
        _handshakes = new(options.UnauthenticatedMax);
        Replies = new ByteBudget(options.ReplyBytesTotalMax, time);
        Requests = new ByteBudget(options.RequestBytesTotalMax, time);
        _timer = time.CreateTimer(
            static state => ((WireConnections)state!).CheckTimes(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether connections are open, or were within the last half second.</summary>
    public bool IsInUse => Volatile.Read(ref _timerIsSet) != 0;

    /// <summary>Raised when a connection opens after a time without any. Handlers must not block or throw.</summary>
    public event Action? Used;

    /// <summary>The number of open connections.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The memory of large replies of all connections, until their clients have read them.</summary>
    public ByteBudget Replies { get; }

    /// <summary>The memory of large requests of all connections, until they have arrived and are executed.</summary>
    public ByteBudget Requests { get; }

    /// <summary>The time since connections were first served.</summary>
    public TimeSpan Uptime => _time.GetElapsedTime(_startedAt);

    /// <summary>Stops the timer.</summary>
    public void Dispose() => _timer.Dispose();

    /// <summary>Adds a connection. Returns false if the maximum number is open.</summary>
    internal bool TryAdd(WireConnection connection)
    {
        if (Interlocked.Increment(ref _count) > _max)
        {
            Interlocked.Decrement(ref _count);
            return false;
        }
        _open[connection] = true;
        StartTimer();
        return true;
    }

    /// <summary>
    /// Adds a connection that begins a TLS handshake. Beyond <see cref="WireOptions.UnauthenticatedMax"/>, cancels the oldest handshake.
    /// Returns false if the maximum number of connections is open. Otherwise <see cref="EndHandshake"/> must follow.
    /// </summary>
    public bool TryBeginHandshake(LinkedListNode<CancellationTokenSource> handshake)
    {
        if (Count + _handshakes.Count >= _max) return false;
        try
        {
            _handshakes.Add(handshake)?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The displaced handshake has ended by itself.
        }
        return true;
    }

    /// <summary>Removes a connection whose TLS handshake has ended. Returns false if the handshake was canceled for another one.</summary>
    public bool EndHandshake(LinkedListNode<CancellationTokenSource> handshake) => _handshakes.Remove(handshake);

    internal void Remove(WireConnection connection)
    {
        // Under the lock, so that a sum has each connection's counts exactly once, as open or as closed.
        lock (_totalsLock)
        {
            _open.TryRemove(connection, out _);
            _closedTotals.Add(connection.Counters);
        }
        Interlocked.Decrement(ref _count);
    }

    /// <summary>The number of connections whose clients have no identity and no rights.</summary>
    public int Unauthenticated => _unauthenticated.Count;

    /// <summary>
    /// Adds a connection whose client has no identity and no rights. Beyond <see cref="WireOptions.UnauthenticatedMax"/>, ends the one that
    /// has had none for longest.
    /// </summary>
    internal void AddUnauthenticated(LinkedListNode<WireConnection> connection) => _unauthenticated.Add(connection)?.EndIfNotAdmitted();

    /// <summary>Removes a connection if it has been added.</summary>
    internal void RemoveUnauthenticated(LinkedListNode<WireConnection> connection) => _unauthenticated.Remove(connection);

    /// <summary>Makes all connections apply changes of users, rights and secrets.</summary>
    public void Recheck()
    {
        foreach ((WireConnection connection, _) in _open) connection.Recheck();
    }

    internal void AddClosed(ConnectionCounters counters)
    {
        lock (_totalsLock) _closedTotals.Add(counters);
    }

    /// <summary>Returns the counts of all connections, open, closed and refused.</summary>
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

    /// <summary>Sets the timer if it is stopped. The count must have been incremented before.</summary>
    private void StartTimer()
    {
        if (Volatile.Read(ref _timerIsSet) != 0 || Interlocked.Exchange(ref _timerIsSet, 1) != 0) return;
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

        // Either a connection that opens now finds the timer stopped, or this thread finds the connection.
        Interlocked.Exchange(ref _timerIsSet, 0);
        if (Count > 0) StartTimer();
    }
}
