using System.Text.Json;
using System.Text.RegularExpressions;
using KestrelKv.Server.Tests.Telemetry;
using KestrelKv.Testing;
using YamlDotNet.RepresentationModel;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>The dashboard and the alerts query only metrics that the server exports.</summary>
public sealed partial class MonitoringTests(TrafficServer fixture) : IClassFixture<TrafficServer>
{
    [Fact]
    public void Dashboard_EachMetric_IsExported() =>
        AssertExported(Dashboard.Targets().Select(target => target.Expression).Where(IsOfEachServer));

    [Fact]
    public void Alerts_EachMetric_IsExported() => AssertExported(Alerts().Where(IsOfEachServer));

    [Fact]
    public async Task Alerts_OfOneSetup_PassTheirTests() =>
        await Programs.RunAsync(
            "promtool", ["test", "rules", .. ((string[])["alerts", "certificate-alerts", "postgres-alerts"]).Select(file =>
                Repository.PathTo("tests", "KestrelKv.Server.Tests", "Deploy", $"{file}.test.yml"))]);

    [Fact]
    public void Dashboard_PlotsEveryMetricOfTheServer()
    {
        var plotted = Dashboard.Targets().SelectMany(target => MetricNames(target.Expression)).ToHashSet();

        Assert.All(
            fixture.Scrape.Names.Where(name => name.StartsWith("kestrelkv_", StringComparison.Ordinal)),
            name => Assert.Contains(name, plotted));
    }

    [Fact]
    public void Dashboard_Panels_HaveUniqueIdsAndDoNotOverlap()
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
                Assert.True(cells.Add((x + i % w, y + i / w)), $"{panel.GetProperty("title")} overlaps another panel");

            int At(string name) => at.GetProperty(name).GetInt32();
        }
    }

    private void AssertExported(IEnumerable<string> expressions)
    {
        var exported = fixture.Scrape.Names.ToHashSet();
        string[] queried = [.. expressions.SelectMany(MetricNames).Distinct()];

        Assert.NotEmpty(queried);
        Assert.All(queried, name => Assert.Contains(name, exported));
    }

    /// <summary>Whether an expression queries metrics that each server exports.</summary>
    internal static bool IsOfEachServer(string expression) =>
        !IsAboutSecurity(expression) && !expression.Contains("kestrelkv_postgres_", StringComparison.Ordinal);

    /// <summary>Whether an expression queries metrics of users and TLS. <see cref="GuideTests"/> tests these.</summary>
    internal static bool IsAboutSecurity(string expression) => expression.Contains("kestrelkv_auth_", StringComparison.Ordinal) ||
        expression.Contains("kestrelkv_tls_", StringComparison.Ordinal);

    /// <summary>Returns the expressions of the alerts.</summary>
    internal static List<string> Alerts()
    {
        var stream = new YamlStream();
        using StreamReader reader = File.OpenText(Repository.PathTo("deploy", "prometheus", "alerts.yml"));
        stream.Load(reader);
        return [.. from @group in (YamlSequenceNode)stream.Documents[0].RootNode["groups"]
                   from rule in (YamlSequenceNode)@group["rules"]
                   select ((YamlScalarNode)rule["expr"]).Value];
    }

    internal static IEnumerable<string> MetricNames(string expression) => MetricName().Matches(expression).Select(name => name.Value);

    /// <summary>Matches a metric of the server, its runtime or its HTTP. No label has these prefixes.</summary>
    [GeneratedRegex(@"\b(?:kestrelkv|dotnet|http_server|target)_\w+")]
    private static partial Regex MetricName();
}
