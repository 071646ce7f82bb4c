using KestrelKv.Wire;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Returns memory to the system once many connections, large requests or large replies have gone. The collector runs when something
/// is allocated, and an idle server allocates next to nothing: without this, what 10,000 connections or a reply of 64 MiB took
/// stays resident.
/// </summary>
/// <remarks><c>ScaleTests</c> and <c>ReplyMemoryTests</c> show it. A collection that does not compact returns only a part.</remarks>
internal sealed class MemoryReturn(WireConnections connections, TimeProvider time) : BackgroundService
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

    private readonly Decline _connections = new(ConnectionsGoneMin);
    private readonly Decline _bytes = new(BytesGoneMin);
    private int _collections;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                bool fewer = _connections.Is(connections.Count);
                if (_bytes.Is(connections.Replies.ResetPeak() + connections.Requests.ResetPeak()) || fewer) _collections = 2;
                if (_collections > 0) Collect();
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
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
    private sealed class Decline(long differenceMin)
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
