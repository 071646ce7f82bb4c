using System.Text.RegularExpressions;
using KestrelKv.Server.Tests.Deploy;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

/// <summary>What a real Prometheus makes of the server: numbers, alerts, and each panel of the dashboard.</summary>
public sealed partial class PrometheusTests(PrometheusTests.Scraped fixture) : IClassFixture<PrometheusTests.Scraped>
{
    private readonly PrometheusProcess _prometheus = fixture.Prometheus;

    [Fact]
    public async Task Query_OfRequests_GivesTheNumbersOfTheTraffic()
    {
        await _prometheus.ExpectAsync(fixture.Rounds * Traffic.Gets, """kestrelkv_wire_requests_total{function="GET", outcome="ok"}""");
        await _prometheus.ExpectAsync(fixture.Rounds * Traffic.Puts, """kestrelkv_wire_requests_total{function="PUT", outcome="ok"}""");
        await _prometheus.ExpectAsync(fixture.Rounds * Traffic.InvalidJsons, """kestrelkv_wire_requests_total{outcome="invalid_json"}""");
        await _prometheus.ExpectAsync(fixture.Rounds * Traffic.Accepted, "sum(kestrelkv_wire_connections_closed_total)");
    }

    [Fact]
    public async Task Alerts_AfterARefusedConnection_FireForThatAlone()
    {
        await _prometheus.QueryUntilAsync(
            """ALERTS{alertname="KestrelKvConnectionsRefused", alertstate="firing"}""",
            result => result is [{ Labels: var labels }] && labels["reason"] == "too_many_connections");

        // That one shows that the rules are evaluated; only then is silence worth something.
        await _prometheus.QueryUntilAsync(
            """count(ALERTS{alertname!="KestrelKvConnectionsRefused"}) or vector(0)""", result => result is [{ Value: 0 }]);
    }

    [Theory]
    [MemberData(nameof(DashboardTargets))]
    public async Task Dashboard_EachTarget_ShowsSomething(string panel, string expression, string legend)
    {
        string query = expression
            .Replace("$__rate_interval", "5m", StringComparison.Ordinal)
            .Replace("$instance", ".*", StringComparison.Ordinal);
        Assert.False(query.Contains('$', StringComparison.Ordinal), $"{panel}: a variable that is not known in {query}");

        var result = await _prometheus.QueryUntilAsync(query, result => result.Count > 0);

        foreach (Match label in LegendLabel().Matches(legend))
            Assert.All(result, sample => Assert.Contains(label.Groups[1].Value, sample.Labels.Keys));
    }

    public static TheoryData<string, string, string> DashboardTargets()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var (panel, expression, legend) in Dashboard.Targets()) data.Add(panel, expression, legend);
        return data;
    }

    [GeneratedRegex(@"\{\{(\w+)\}\}")]
    private static partial Regex LegendLabel();

    /// <summary>A server with traffic that Prometheus has seen come.</summary>
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
                // An HTTP request that is over: the first scrape can't tell of itself.
                await Scrape.OfAsync(_server.Admin);
                Prometheus = await PrometheusProcess.StartAsync(_server.Admin);

                // Two rounds with scrapes before, between and after, so that there are rates.
                for (; Rounds < 2; Rounds++)
                {
                    await Traffic.RunAsync(_server);
                    await Prometheus.ExpectAsync((Rounds + 1) * Traffic.Accepted, "sum(kestrelkv_wire_connections_closed_total)");
                }
            }
            catch
            {
                // Nobody disposes of a fixture that could not be made.
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
