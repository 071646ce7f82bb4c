using System.Globalization;
using System.Text.RegularExpressions;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

/// <summary>A response of /metrics: samples by name and labels.</summary>
internal sealed partial class Scrape
{
    private readonly List<(string Name, Dictionary<string, string> Labels, double Value)> _samples = [];

    private Scrape(string text) => Text = text;

    public string Text { get; }

    public IEnumerable<string> Names => _samples.Select(s => s.Name).Distinct();

    /// <summary>Reads /metrics after the exporter's cached response has expired: it serves the same text for 300 ms.</summary>
    public static async Task<Scrape> OfAsync(Uri admin)
    {
        await Task.Delay(350);
        using var http = new HttpClient();
        string text = await http.GetStringAsync(new Uri(admin, "metrics"));
        Canary.AssertAbsent(text, "/metrics");
        return Parse(text);
    }

    /// <summary>Repeats the scrape until a condition holds.</summary>
    public static async Task<Scrape> UntilAsync(Uri admin, Func<Scrape, bool> condition)
    {
        Scrape scrape = Parse("");
        await Wait.UntilAsync(
            async () => condition(scrape = await OfAsync(admin)), () => $"the expected samples did not appear:\n{scrape.Text}");
        return scrape;
    }

    /// <summary>Returns the sum of the samples with these labels, among others; fails if there is none.</summary>
    public double Sum(string name, params (string Name, string Value)[] labels)
    {
        var samples = _samples
            .Where(s => s.Name == name && labels.All(l => s.Labels.GetValueOrDefault(l.Name) == l.Value)).ToList();
        Assert.True(samples.Count > 0, $"no sample {name} {string.Join(", ", labels)}");
        return samples.Sum(s => s.Value);
    }

    /// <summary>Returns the series that must never decrease: counters and the parts of histograms.</summary>
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
            scrape._samples.Add(
                (match.Groups["name"].Value, labels, double.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture)));
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
