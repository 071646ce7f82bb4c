using KestrelKv.Server.Admin;
using KestrelKv.Wire;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Returns memory to the system once many connections, large requests or large replies have gone. The collector runs when something
/// is allocated, and an idle server allocates next to nothing: without this, what 10,000 connections or a reply of 64 MiB took
/// stays resident.
/// </summary>
/// <remarks>
/// It looks once a second while a port has connections, and once more after the last one; then it has no timer.
/// <c>ScaleTests</c> and <c>ReplyMemoryTests</c> show it.
/// A collection that does not compact returns only a part.
/// </remarks>
internal sealed class MemoryReturn(WireConnections wire, AdminConnections admin, TimeProvider time) : IHostedService, IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>Fewer connections than this are not worth a collection.</summary>
    private const int ConnectionsGoneMin = 1_000;

    /// <summary>Nor are fewer bytes of requests and replies: 16 MiB.</summary>
    private const long BytesGoneMin = 16L * 1024 * 1024;

    /// <summary>
    /// The collection stops all threads for a time that grows with what lives on the heap. Where there is so much, the
    /// share of the connections is small, and the pause would not be.
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

        // Either a connection that opens now sees that the timer is at rest, or this sees the connection.
        Interlocked.Exchange(ref _isWatching, 0);
        if (IsInUse) BeginToWatch();
    }

    /// <summary>Compacts a small heap. Of a large one it is not known yet what lives there: first that is found out, without a pause.</summary>
    private void Collect()
    {
        bool isSmall = GC.GetTotalMemory(forceFullCollection: false) <= HeapBytesMax;
        if (isSmall) GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        else GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        _collections = isSmall ? 0 : _collections - 1;
    }

    /// <summary>Notices that a figure has fallen to half of its peak.</summary>
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
