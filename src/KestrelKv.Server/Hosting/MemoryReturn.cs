using KestrelKv.Wire;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Gives memory back to the system once many connections have gone. The collector runs when something is allocated,
/// and serving requests allocates next to nothing: without this, what 10,000 connections took stays resident.
/// </summary>
/// <remarks><c>ScaleTests</c> shows it. A collection that does not compact gives back only a part.</remarks>
internal sealed class MemoryReturn(WireConnections connections, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>Fewer connections than this are not worth a collection.</summary>
    private const int ConnectionsGoneMin = 1_000;

    /// <summary>
    /// The collection stops all threads for a time that grows with what lives on the heap. Where there is so much, the
    /// share of the connections is small, and the pause would not be.
    /// </summary>
    private const long HeapBytesMax = 512L * 1024 * 1024;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        int peak = 0;
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                int count = connections.Count;
                peak = Math.Max(peak, count);
                if (count > peak / 2 || peak - count < ConnectionsGoneMin) continue;

                peak = count;
                if (GC.GetTotalMemory(forceFullCollection: false) <= HeapBytesMax)
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }
}
