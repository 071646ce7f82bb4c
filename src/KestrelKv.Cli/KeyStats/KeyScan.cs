using System.Diagnostics;
using KestrelKv.Cli.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.KeyStats;

/// <summary>Reads all keys of a prefix, and sums them up.</summary>
internal sealed class KeyScan(Session session, KeyTotals totals, string prefix, string delimiter, string? after)
{
    private readonly ScanPages _pages = new(session.Client, prefix, after);
    private readonly long _begin = Stopwatch.GetTimestamp();

    /// <summary>The last key read; null if there is none.</summary>
    public string? Position => _pages.Position;

    /// <summary>Reads until the end, an interruption, or a failure after the first page.</summary>
    /// <returns>Null at the end, otherwise the reason why the result is partial.</returns>
    public async Task<Exception?> RunAsync(CancellationToken stop)
    {
        ScanProgress? progress = null;
        try
        {
            progress = await ScanProgress.BeginAsync(session, prefix, after, stop);
            while (await _pages.ReadAsync(totals, stop)) progress.Draw(totals.Keys);
            return null;
        }
        catch (OperationCanceledException e) when (stop.IsCancellationRequested)
        {
            return e;
        }
        catch (KestrelKvException e) when (totals.Keys > 0)
        {
            return e;
        }
        finally
        {
            progress?.End();
        }
    }

    /// <summary>Returns the result so far. The scan has ended.</summary>
    public KeyReport Report(bool isComplete)
    {
        IReadOnlyList<PrefixGroup> groups = totals.End();
        return new()
        {
            Delimiter = delimiter,
            All = totals.All,
            Groups = groups,
            Largest = totals.Largest(),
            Expiries = totals.Expiries,
            IsComplete = isComplete,
            After = after,
            Position = Position,
            Time = Stopwatch.GetElapsedTime(_begin),
        };
    }
}
