using System.Text.RegularExpressions;
using KestrelKv.Server.Tests.Deploy;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

/// <summary>A real Prometheus that scrapes the server: metrics, alerts, and each panel of the dashboard.</summary>
public sealed partial class PrometheusTests(PrometheusTests.Scraped fixture) : IClassFixture<PrometheusTests.Scraped>
{
    private readonly PrometheusProcess _prometheus = fixture.Prometheus;

    [Fact]
    public async Task Query_OfRequests_ReturnsTheNumbersOfTheTraffic()
    {
        await _prometheus.ExpectAsync(fixture.Rounds * Traffic.Gets, """kestrelkv_wire_requests_total{function="GET", outcome="ok"}""");
        await _prometheus.ExpectAsync(fixture.Rounds * Traffic.Puts, """kestrelkv_wire_requests_total{function="PUT", outcome="ok"}""");
        await _prometheus.ExpectAsync(fixture.Rounds * Traffic.InvalidJsons, """kestrelkv_wire_requests_total{outcome="invalid_json"}""");
        await _prometheus.ExpectAsync(fixture.Rounds * Traffic.Accepted, "sum(kestrelkv_wire_connections_closed_total)");
    }

    [Fact]
    public async Task Alerts_AfterARefusedConnection_FireOnlyForIt()
    {
        await _prometheus.QueryUntilAsync(
            """ALERTS{alertname="KestrelKvConnectionsRefused", alertstate="firing"}""",
            result => result is [{ Labels: var labels }] && labels["reason"] == "too_many_connections");

        // The alert above shows that the rules are evaluated. Without it, the absence of alerts would prove nothing.
        await _prometheus.QueryUntilAsync(
            """count(ALERTS{alertname!="KestrelKvConnectionsRefused"}) or vector(0)""", result => result is [{ Value: 0 }]);
    }

    [Theory]
    [MemberData(nameof(DashboardTargets))]
    public async Task Dashboard_EachTarget_HasData(string panel, string expression, string legend)
    {
        string query = expression
            .Replace("$__rate_interval", "5m", StringComparison.Ordinal)
            .Replace("$instance", ".*", StringComparison.Ordinal);
        Assert.False(query.Contains('$', StringComparison.Ordinal), $"{panel}: unknown variable in {query}");

        var result = await _prometheus.QueryUntilAsync(query, result => result.Count > 0);

        foreach (Match label in LegendLabel().Matches(legend))
            Assert.All(result, sample => Assert.Contains(label.Groups[1].Value, sample.Labels.Keys));
    }

    public static TheoryData<string, string, string> DashboardTargets()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var (panel, expression, legend) in Dashboard.Targets().Where(target => MonitoringTests.IsOfEachServer(target.Expression)))
            data.Add(panel, expression, legend);
        return data;
    }

    [GeneratedRegex(@"\{\{(\w+)\}\}")]
    private static partial Regex LegendLabel();

    /// <summary>A server whose traffic happened between scrapes of Prometheus.</summary>
    public sealed class Scraped : IAsyncLifetime
    {
        private ServerProcess? _server;

        internal PrometheusProcess Prometheus { get; private set; } = null!;

        internal int Rounds { get; private set; }

        public async Task InitializeAsync()
        {
            try
            {
                _server = await ServerProcess.StartAsync(Traffic.Settings);
                // A completed HTTP request: the first scrape cannot count itself.
                await Scrape.OfAsync(_server.Admin);
                Prometheus = await PrometheusProcess.StartAsync(_server.Admin);

                // Two rounds with scrapes before, between and after them, so that rates can be computed.
                for (; Rounds < 2; Rounds++)
                {
                    await Traffic.RunAsync(_server);
                    await Prometheus.ExpectAsync((Rounds + 1) * Traffic.Accepted, "sum(kestrelkv_wire_connections_closed_total)");
                }
            }
            catch
            {
                // xunit does not dispose of a fixture that failed to initialize.
                await DisposeAsync();
                throw;
            }
        }

        public async Task DisposeAsync()
        {
            if (Prometheus is not null) await Prometheus.DisposeAsync();
            if (_server is not null) await _server.DisposeAsync();
        }
    }
}
