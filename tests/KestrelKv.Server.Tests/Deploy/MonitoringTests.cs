using System.Text.Json;
using System.Text.RegularExpressions;
using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;
using YamlDotNet.RepresentationModel;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>The dashboard and the alerts ask for what the server exports.</summary>
public sealed partial class MonitoringTests(TrafficServer fixture) : IClassFixture<TrafficServer>
{
    /// <summary>What Prometheus adds itself.</summary>
    private static readonly string[] OwnOfPrometheus = ["up"];

    [Fact]
    public void Dashboard_EachMetric_IsOneThatTheServerExports() =>
        AssertExported(Dashboard.Targets().Select(target => target.Expression));

    [Fact]
    public void Alerts_EachMetric_IsOneThatTheServerExports() => AssertExported(Alerts());

    [Fact]
    public void Dashboard_PlotsEveryMetricOfTheServerItself()
    {
        var plotted = Dashboard.Targets().SelectMany(target => MetricNames(target.Expression)).ToHashSet();

        Assert.All(
            fixture.Scrape.Names.Where(name => name.StartsWith("kestrelkv_", StringComparison.Ordinal)),
            name => Assert.Contains(name, plotted));
    }

    [Fact]
    public void Dashboard_Panels_AreToldApartAndDoNotOverlap()
    {
        var panels = Dashboard.Read().GetProperty("panels").EnumerateArray().ToList();
        var cells = new HashSet<(int, int)>();

        Assert.Equal(panels.Count, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        foreach (JsonElement panel in panels)
        {
            JsonElement at = panel.GetProperty("gridPos");
            (int x, int y, int w, int h) = (At("x"), At("y"), At("w"), At("h"));
            Assert.InRange(x + w, 1, 24);
            for (int i = 0; i < w * h; i++)
                Assert.True(cells.Add((x + i % w, y + i / w)), $"{panel.GetProperty("title")} lies on another panel");

            int At(string name) => at.GetProperty(name).GetInt32();
        }
    }

    [Theory]
    [InlineData("sum by (le) (rate(a_bucket{x=\"y\", z=~\"$instance\"}[$__rate_interval])) / b > 0", "a_bucket b")]
    [InlineData("histogram_quantile(0.99, a_bucket) or on (x) b_total offset 5m", "a_bucket b_total")]
    public void MetricNames_OfAnExpression_AreThoseOfItsMetrics(string expression, string names) =>
        Assert.Equal(names.Split(' '), MetricNames(expression));

    private void AssertExported(IEnumerable<string> expressions)
    {
        var exported = fixture.Scrape.Names.Concat(OwnOfPrometheus).ToHashSet();
        string[] asked = [.. expressions.SelectMany(MetricNames).Distinct()];

        Assert.NotEmpty(asked);
        Assert.All(asked, name => Assert.Contains(name, exported));
    }

    private static List<string> Alerts()
    {
        var stream = new YamlStream();
        using StreamReader reader = File.OpenText(Repository.PathTo("deploy", "prometheus", "alerts.yml"));
        stream.Load(reader);
        return [.. from @group in (YamlSequenceNode)stream.Documents[0].RootNode["groups"]
                   from rule in (YamlSequenceNode)@group["rules"]
                   select ((YamlScalarNode)rule["expr"]).Value];
    }

    /// <summary>The metrics of a PromQL expression: the words that are left without labels, ranges, functions and operators.</summary>
    private static IEnumerable<string> MetricNames(string expression)
    {
        string bare = Quoted().Replace(expression, "");
        bare = Labels().Replace(bare, "");
        bare = Range().Replace(bare, "");
        bare = Grouping().Replace(bare, "");
        return Word().Matches(bare).Select(word => word.Value).Where(word => word is not ("or" or "and" or "unless" or "bool" or "offset"));
    }

    [GeneratedRegex("\"[^\"]*\"")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Labels();

    [GeneratedRegex(@"\[[^\]]*\]")]
    private static partial Regex Range();

    [GeneratedRegex(@"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")]
    private static partial Regex Grouping();

    /// <summary>No number, and no function: neither a parenthesis nor the rest of the word follows.</summary>
    [GeneratedRegex(@"(?<![\w.:])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()")]
    private static partial Regex Word();
}
