using System.Globalization;
using System.Text.RegularExpressions;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

/// <summary>What /metrics answered: samples by name and labels.</summary>
internal sealed partial class Scrape
{
    private readonly List<(string Name, Dictionary<string, string> Labels, double Value)> _samples = [];

    private Scrape(string text) => Text = text;

    /// <summary>The text itself.</summary>
    public string Text { get; }

    /// <summary>The names of all samples.</summary>
    public IEnumerable<string> Names => _samples.Select(s => s.Name).Distinct();

    /// <summary>Reads /metrics; a fresh one, as the exporter gives everybody the same text for 300 ms.</summary>
    public static async Task<Scrape> OfAsync(Uri admin)
    {
        await Task.Delay(350);
        using var http = new HttpClient();
        return Parse(await http.GetStringAsync(new Uri(admin, "metrics")));
    }

    /// <summary>Reads until a condition holds.</summary>
    public static async Task<Scrape> UntilAsync(Uri admin, Func<Scrape, bool> condition)
    {
        Scrape scrape = Parse("");
        await Wait.UntilAsync(async () => condition(scrape = await OfAsync(admin)), () => $"what was waited for never came:\n{scrape.Text}");
        return scrape;
    }

    /// <summary>The sum of the samples that have these labels, among others; fails the test where there is none.</summary>
    public double Sum(string name, params (string Name, string Value)[] labels)
    {
        var samples = _samples
            .Where(s => s.Name == name && labels.All(l => s.Labels.GetValueOrDefault(l.Name) == l.Value)).ToList();
        Assert.True(samples.Count > 0, $"no sample {name} {string.Join(", ", labels)}");
        return samples.Sum(s => s.Value);
    }

    /// <summary>All counters, and what belongs to histograms: what must never fall.</summary>
    public IEnumerable<(string Series, double Value)> Counters() => _samples
        .Where(s => s.Name.StartsWith("kestrelkv_", StringComparison.Ordinal) && CounterName().IsMatch(s.Name))
        .Select(s => ($"{s.Name}{{{string.Join(",", s.Labels)}}}", s.Value));

    private static Scrape Parse(string text)
    {
        var scrape = new Scrape(text);
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#'))
        {
            Match match = Sample().Match(line);
            Assert.True(match.Success, $"not a sample: {line}");
            var labels = Label().Matches(match.Groups["labels"].Value).ToDictionary(l => l.Groups[1].Value, l => l.Groups[2].Value);
            scrape._samples.Add((match.Groups["name"].Value, labels, double.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture)));
        }
        return scrape;
    }

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>.*)\})? (?<value>[^ ]+)( \d+)?$""")]
    private static partial Regex Sample();

    [GeneratedRegex("""([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"[,}]?""")]
    private static partial Regex Label();

    [GeneratedRegex("_(total|bucket|sum|count)$")]
    private static partial Regex CounterName();
}
