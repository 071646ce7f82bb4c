using KestrelKv.Server.Admin;
using KestrelKv.Wire;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Returns memory to the operating system after many connections, large requests or large replies have ended. The garbage collector
/// runs on allocations, and an idle server allocates almost nothing. Without this class, the memory of 10,000 connections or of a
/// reply of 64 MiB would stay resident.
/// </summary>
/// <remarks>
/// It checks once a second while a port has connections, and once more after the last connection. Then its timer stops.
/// A collection without compaction returns only a part of the memory. <c>ScaleTests</c> and <c>ReplyMemoryTests</c> verify the effect.
/// </remarks>
internal sealed class MemoryReturn(WireConnections wire, AdminConnections admin, TimeProvider time) : IHostedService, IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>The number of ended connections from which a collection is worth its cost.</summary>
    private const int ConnectionsGoneMin = 1_000;

    /// <summary>The released bytes of requests and replies from which a collection is worth its cost: 16 MiB.</summary>
    private const long BytesGoneMin = 16L * 1024 * 1024;

    /// <summary>
    /// The heap size above which the server does not compact: 512 MiB. A compaction stops all threads for a time that grows with the heap,
    /// and the share of connections in a large heap is small.
    /// </summary>
    private const long HeapBytesMax = 512L * 1024 * 1024;

    private readonly PeakDrop _connections = new(ConnectionsGoneMin);
    private readonly PeakDrop _bytes = new(BytesGoneMin);
    private ITimer? _timer;
    private int _isWatching;
    private int _collections;

    private bool IsInUse => wire.IsInUse || admin.IsInUse;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _timer = time.CreateTimer(static state => ((MemoryReturn)state!).Check(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        wire.Used += BeginToWatch;
        admin.Used += BeginToWatch;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _timer?.Dispose();

    private void BeginToWatch()
    {
        if (Interlocked.Exchange(ref _isWatching, 1) == 0) _timer!.Change(Period, Timeout.InfiniteTimeSpan);
    }

    private void Check()
    {
        bool fewer = _connections.Is(wire.Count);
        if (_bytes.Is(wire.Replies.ResetPeak() + wire.Requests.ResetPeak()) || fewer) _collections = 2;
        if (_collections > 0) Collect();
        if (IsInUse || _collections > 0)
        {
            _timer!.Change(Period, Timeout.InfiniteTimeSpan);
            return;
        }

        // Either a connection that opens now sees that the timer is stopped, or this check sees the connection.
        Interlocked.Exchange(ref _isWatching, 0);
        if (IsInUse) BeginToWatch();
    }

    /// <summary>
    /// Compacts a small heap. A large heap is first collected without a pause, because the size of its live objects is unknown.
    /// </summary>
    private void Collect()
    {
        bool isSmall = GC.GetTotalMemory(forceFullCollection: false) <= HeapBytesMax;
        if (isSmall) GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        else GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        _collections = isSmall ? 0 : _collections - 1;
    }

    /// <summary>Detects that a number has fallen to half of its peak.</summary>
    private sealed class PeakDrop(long differenceMin)
    {
        private long _peak;

        public bool Is(long now)
        {
            _peak = Math.Max(_peak, now);
            if (now > _peak / 2 || _peak - now < differenceMin) return false;
            _peak = now;
            return true;
        }
    }
}
