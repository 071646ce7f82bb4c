using System.Globalization;
using KestrelKv.Cli.Output;

namespace KestrelKv.Cli.Top;

/// <summary>The lines of the live screen.</summary>
/// <param name="title">The server.</param>
internal sealed class TopScreen(string title)
{
    private readonly Dictionary<string, Sparkline> _history = [];
    private TopSample? _last;

    /// <summary>A note at the end of the screen, such as that the server cannot be reached; null for none.</summary>
    public string? Note { get; set; }

    public void Add(TopSample sample)
    {
        _last = sample;
        History("total").Add(sample.RequestsTotal ?? sample.Commits ?? 0);
        History("p99").Add(sample.Latency?.P99 ?? 0);
        if (sample.Requests is not { } requests) return;
        foreach (string function in requests.Keys) History(function);
        foreach ((string function, Sparkline history) in _history)
        {
            if (function is not ("total" or "p99")) history.Add(requests.GetValueOrDefault(function));
        }
    }

    /// <summary>Returns the lines, cut to the size of the terminal.</summary>
    public IEnumerable<string> Draw(int columns, int rows)
    {
        List<string> lines =
            [$"{title}   {(_last?.Time.ToLocalTime() ?? DateTimeOffset.Now).ToString("HH:mm:ss", CultureInfo.InvariantCulture)}   q: quit", ""];
        if (_last is { } sample)
        {
            AddRates(lines, sample, columns);
            lines.Add("");
            AddStates(lines, sample);
        }
        else
        {
            lines.Add("Waiting for the first interval.");
        }
        if (Note is { } note) lines.AddRange(["", .. note.Chunk(Math.Max(1, columns)).Select(row => new string(row))]);
        return lines.Take(Math.Max(1, rows - 1)).Select(DisplayText.Of).Select(line => line.Length <= columns ? line : line[..Math.Max(0, columns)]);
    }

    private void AddRates(List<string> lines, TopSample sample, int columns)
    {
        lines.Add($"{"per second",-14}{"now",14}");
        if (sample.Requests is null)
        {
            lines.Add(Row("commits", Text(sample.Commits, Figures.Rate), History("total"), columns));
            return;
        }
        lines.Add(Row("requests", Figures.Rate(sample.RequestsTotal ?? 0), History("total"), columns));
        foreach (string function in _history.Keys.Where(name => name is not ("total" or "p99")).Order(StringComparer.Ordinal))
            lines.Add(Row("  " + function, Figures.Rate(sample.Requests.GetValueOrDefault(function)), History(function), columns));
        string errors = string.Join(", ", sample.Errors!.Select(error => $"{error.Key} {Figures.Rate(error.Value)}"));
        lines.Add($"{"errors",-14}{Figures.Rate(sample.ErrorsTotal ?? 0),14}  {errors}");
        lines.Add(Row("latency p99", sample.Latency is { } latency ? Figures.Microseconds(latency.P99) : "-", History("p99"), columns));
        lines.Add($"{"  p50, p99.9",-14}{Text(sample.Latency, p => $"{Figures.Microseconds(p.P50)}, {Figures.Microseconds(p.P999)}")}");
        lines.Add($"{"commits",-14}{Text(sample.Commits, Figures.Rate),14}");
        string syncs = Text(sample.SyncLatency, p => $"p50 {Figures.Microseconds(p.P50)}, p99 {Figures.Microseconds(p.P99)}");
        lines.Add($"{"syncs",-14}{Text(sample.Syncs, Figures.Rate),14}  {syncs}");
        lines.Add($"{"network",-14}{"",14}  received {Text(sample.ReceivedBytes, Figures.Bytes)}, sent {Text(sample.SentBytes, Figures.Bytes)}");
    }

    private static void AddStates(List<string> lines, TopSample sample)
    {
        lines.Add($"connections {Text(sample.Connections, Figures.Count)}   watches {Text(sample.Watches, Figures.Count)}   " +
            $"feed lag {Text(sample.FeedLag, Figures.Count)} commits");
        lines.Add($"keys {Text(sample.Keys, Figures.Count)}   keys and values {Text(sample.Bytes, Figures.Bytes)}   " +
            $"memory {Text(sample.MemoryBytes, Figures.Bytes)}" +
            (sample.MemoryLimitBytes is > 0 and var limit ? $" of {Figures.Bytes(limit)}" : ""));
        if (sample.ProcessBytes is { } process)
            lines.Add($"process: memory {Figures.Bytes(process)}, processor {Text(sample.Cpu, cpu => $"{Figures.Count(cpu * 100)} %")}");
        (double? Evicted, double? Expired, double? Refused) removals = sample.Removals;
        if (removals.Evicted > 0 || removals.Expired > 0 || removals.Refused > 0)
            lines.Add($"per second: evicted {Text(removals.Evicted, Figures.Rate)}, expired {Text(removals.Expired, Figures.Rate)}, " +
                $"refused {Text(removals.Refused, Figures.Rate)}");
    }

    private Sparkline History(string name)
    {
        if (_history.TryGetValue(name, out Sparkline? history)) return history;
        return _history[name] = new Sparkline();
    }

    private static string Row(string name, string value, Sparkline history, int columns) => $"{name,-14}{value,14}  {history.Draw(columns - 31)}";

    private static string Text(double? figure, Func<double, string> format) => figure is { } some ? format(some) : "-";

    private static string Text(Percentiles? percentiles, Func<Percentiles, string> format) => percentiles is { } some ? format(some) : "-";
}
