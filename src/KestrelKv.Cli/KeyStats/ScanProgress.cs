using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Live;
using KestrelKv.Client;

namespace KestrelKv.Cli.KeyStats;

/// <summary>A line on standard error with the progress of a scan. It is drawn on a terminal only.</summary>
internal sealed class ScanProgress
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly Terminal _terminal;
    private readonly long _total;
    private readonly long _begin = Stopwatch.GetTimestamp();
    private long _drawn;

    private ScanProgress(Terminal terminal, long total) => (_terminal, _total) = (terminal, total);

    /// <summary>Counts the keys of the scan if there is a terminal.</summary>
    public static async Task<ScanProgress> BeginAsync(Session session, string prefix, string? after, CancellationToken stop) => new(
        session.Terminal,
        session.Terminal.IsErrorTerminal ? await CountAsync(session.Client, prefix, after, stop) : 0);

    /// <summary>Draws the line if the last drawing is old.</summary>
    public void Draw(long keys)
    {
        if (!_terminal.IsErrorTerminal || _drawn != 0 && Stopwatch.GetElapsedTime(_drawn) < Interval) return;
        _drawn = Stopwatch.GetTimestamp();
        double rate = keys / Math.Max(0.001, Stopwatch.GetElapsedTime(_begin).TotalSeconds);
        string left = rate > 0 && _total > keys ? $", {Figures.Time(TimeSpan.FromSeconds((_total - keys) / rate))} left" : "";
        string share = _total > 0 ? string.Create(CultureInfo.InvariantCulture, $" ({Math.Min(1, (double)keys / _total):0 %})") : "";
        _terminal.Error.Write($"\r{Figures.Count(keys)} of {Figures.Count(Math.Max(keys, _total))} keys{share}, {Figures.Count(rate)} keys/s{left}\e[K");
    }

    /// <summary>Removes the line.</summary>
    public void End()
    {
        if (_terminal.IsErrorTerminal) _terminal.Error.Write("\r\e[K");
    }

    private static async Task<long> CountAsync(KestrelKvClient client, string prefix, string? after, CancellationToken stop)
    {
        var response = new System.Buffers.ArrayBufferWriter<byte>();
        string parameters = $"\"count_only\": true, \"prefix\": \"{JsonEncodedText.Encode(prefix)}\"{(after is null ? "" : $", \"after\": \"{JsonEncodedText.Encode(after)}\"")}";
        await client.CallUtf8Async("SCAN", Encoding.UTF8.GetBytes(parameters), response, mayRepeat: true, cancellationToken: stop);
        using var json = JsonDocument.Parse(response.WrittenMemory);
        return json.RootElement.GetProperty("count").GetInt64();
    }
}
