using System.Buffers.Text;
using System.Diagnostics;
using System.Text;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Cli.Scanning;
using KestrelKv.Client;

namespace KestrelKv.Cli.KeyStats;

/// <summary>Reads all keys of a prefix, and sums them up.</summary>
internal sealed class KeyScan(Session session, KeyTotals totals, string prefix, string delimiter, string? after)
{
    private readonly ProgressDisplay _progress = new(session.Terminal, "keys");
    private readonly long _begin = Stopwatch.GetTimestamp();
    private string? _last;

    /// <summary>The last key read, or the key after which the scan began; null if there is none.</summary>
    public string? Position => _last ?? after;

    /// <summary>Reads until the end, an interruption, or a failure after the first page.</summary>
    /// <returns>Null at the end, otherwise the reason why the result is partial.</returns>
    public async Task<Exception?> RunAsync(CancellationToken stop)
    {
        try
        {
            await _progress.RunAsync("keystats", () => ReadAsync(stop));
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

    private async Task ReadAsync(CancellationToken stop)
    {
        (byte[] first, byte[] start) = (EntryJson.String(prefix), after is null ? [] : EntryJson.String(after));
        if (_progress.IsVisible) _progress.Total = await ScanPages.CountAsync(session.Client, first, start, stop);
        _progress.Start();
        await foreach (ReadOnlyMemory<byte> page in ScanPages.ReadAsync(session.Client, first, start, stop))
        {
            AddPage(page.Span, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1_000.0);
            (_progress.Count, _progress.Bytes) = (totals.Keys, totals.Bytes);
        }
    }

    private void AddPage(ReadOnlySpan<byte> page, double now)
    {
        ReadOnlySpan<byte> last = default;
        var reader = new EntryReader(page);
        while (reader.TryRead(out EntrySlice entry))
        {
            last = entry.KeyBytes;
            double? expiresAt = Utf8Parser.TryParse(entry.ExpiresAt, out double time, out _) ? time : null;
            totals.Add(last, entry.Value.Length, expiresAt - now);
        }
        if (!last.IsEmpty) _last = Encoding.UTF8.GetString(last);
    }
}
