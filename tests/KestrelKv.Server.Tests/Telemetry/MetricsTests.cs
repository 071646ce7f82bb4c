using KestrelKv.Protocol;
using KestrelKv.Server.Hosting;
using KestrelKv.Server.Tests.Admin;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

public sealed class MetricsTests(TrafficServer fixture) : IClassFixture<TrafficServer>
{
    private readonly Scrape _scrape = fixture.Scrape;

    [Fact]
    public async Task Metrics_AfterTraffic_PassPromtool() =>
        Assert.Equal("", await Programs.RunAsync("promtool", ["check", "metrics"], fixture.Scrape.Text));

    [Theory]
    [InlineData("GET", "ok", Traffic.Gets)]
    [InlineData("PUT", "ok", Traffic.Puts)]
    [InlineData("unknown", "ok", Traffic.Unknowns)]
    [InlineData("invalid", "invalid_json", Traffic.InvalidJsons)]
    [InlineData("invalid", "missing_parameter", Traffic.MissingParameters)]
    [InlineData("invalid", "invalid_length", 1)]
    [InlineData("invalid", "unsupported_version", 1)]
    [InlineData("invalid", "truncated_frame", 1)]
    [InlineData("invalid", "too_many_connections", 1)]
    [InlineData("invalid", "internal_error", 0)]
    public void Requests_AfterTraffic_AreCountedByFunctionAndOutcome(string function, string outcome, int expected) =>
        Assert.Equal(expected, _scrape.Sum("kestrelkv_wire_requests_total", ("function", function), ("outcome", outcome)));

    [Fact]
    public void Requests_OfEveryErrorCode_AreExportedFromTheStart()
    {
        // Later codes are errors of HTTP only.
        for (ErrorCode code = ErrorCode.None + 1; code <= ErrorCode.InternalError; code++)
            Assert.True(_scrape.Sum("kestrelkv_wire_requests_total", ("outcome", ErrorCodes.Text(code))) >= 0);
    }

    [Fact]
    public void Connections_AfterTraffic_AreCountedByReason()
    {
        Assert.Equal(0, _scrape.Sum("kestrelkv_wire_connections"));
        Assert.Equal(Traffic.Accepted, _scrape.Sum("kestrelkv_wire_connections_accepted_total"));
        Assert.Equal(Traffic.Refused, _scrape.Sum("kestrelkv_wire_connections_refused_total", ("reason", "too_many_connections")));
        Assert.Equal(0, _scrape.Sum("kestrelkv_wire_connections_refused_total", ("reason", "protected_mode")));
        Assert.Equal(Traffic.EndedByClient, _scrape.Sum("kestrelkv_wire_connections_closed_total", ("reason", "client")));
        Assert.Equal(Traffic.EndedByFrameError, _scrape.Sum("kestrelkv_wire_connections_closed_total", ("reason", "frame_error")));
        Assert.Equal(Traffic.EndedByReset, _scrape.Sum("kestrelkv_wire_connections_closed_total", ("reason", "reset")));
        Assert.Equal(Traffic.Accepted, _scrape.Sum("kestrelkv_wire_connections_closed_total"));
    }

    [Fact]
    public void Duration_AfterTraffic_HasEachBatch()
    {
        // Each request sent alone is one batch.
        Assert.Equal(
            Traffic.Gets + Traffic.Puts + Traffic.Unknowns + Traffic.InvalidJsons + Traffic.MissingParameters,
            _scrape.Sum("kestrelkv_wire_request_duration_seconds_count"));
        Assert.InRange(_scrape.Sum("kestrelkv_wire_request_duration_seconds_sum"), 0.000_01, 60);
    }

    [Fact]
    public void Store_AfterTraffic_IsMeasured()
    {
        Assert.Equal(Traffic.Puts + 1, _scrape.Sum("kestrelkv_store_keys"));
        Assert.Equal(Traffic.Puts + 1, _scrape.Sum("kestrelkv_store_version"));
        Assert.True(_scrape.Sum("kestrelkv_store_size_bytes") > 0);
    }

    [Fact]
    public async Task Feed_WithAWatchAndAnIdempotencyRecord_IsMeasured()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        Scrape before = await Scrape.OfAsync(server.Admin);
        Assert.Equal((0, 0), (before.Sum("kestrelkv_store_watches"), before.Sum("kestrelkv_store_request_ids")));
        Assert.Equal(1, before.Sum("kestrelkv_store_version_oldest"));

        await server.CallAsync("PUT", "/v1/keys/a", "1", "Idempotency-Key: once");
        using (EventReader events = await EventReader.OpenAsync(server))
        {
            await events.NextAsync("bookmark");
            Scrape during = await Scrape.OfAsync(server.Admin);
            Assert.Equal((1, 1), (during.Sum("kestrelkv_store_watches"), during.Sum("kestrelkv_store_request_ids")));
        }
        Scrape after = await Scrape.UntilAsync(
            server.Admin, s => s.Sum("kestrelkv_store_watches") == 0 && s.Sum("http_server_active_requests") <= 1);
        Assert.DoesNotContain("v1/watch", after.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Log_AfterTraffic_HasDroppedNoLine() => Assert.Equal(0, _scrape.Sum("kestrelkv_log_dropped_total"));

    [Fact]
    public async Task TargetInfo_WithServiceVariables_HasTheirNames()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(environment: new Dictionary<string, string>
        {
            ["OTEL_SERVICE_NAME"] = "kv-prod",
            ["OTEL_RESOURCE_ATTRIBUTES"] = "service.instance.id=node-7,deployment.environment.name=prod",
        });
        string target = Assert.Single(
            (await Scrape.OfAsync(server.Admin)).Text.Split('\n'), line => line.StartsWith("target_info{", StringComparison.Ordinal));
        foreach (string label in (string[])
            ["service_name=\"kv-prod\"", "service_instance_id=\"node-7\"", "deployment_environment_name=\"prod\"", $"service_version=\"{Announcement.ServerVersion}\""])
            Assert.Contains(label, target, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_AfterTraffic_ContainNoKeysAndNoOtherClientText() =>
        Assert.DoesNotContain("secret", _scrape.Text, StringComparison.Ordinal);

    [Fact]
    public async Task Counters_WhileConnectionsOpenAndClose_CountBytesAndNeverDecrease()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        Scrape before = await Scrape.OfAsync(server.Admin);
        var traffic = new Traffic();
        await traffic.CallAsync(server.WirePort);
        using WireClient open = await WireClient.ConnectAsync(server.WirePort);
        Scrape during = await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 1);
        await traffic.CallAsync(server.WirePort);
        open.Dispose();
        Scrape after = await Scrape.UntilAsync(server.Admin, s => s.Sum("kestrelkv_wire_connections") == 0);

        Assert.Equal(traffic.BytesSent, after.Sum("kestrelkv_wire_received_bytes_total"));
        Assert.Equal(traffic.BytesReceived, after.Sum("kestrelkv_wire_sent_bytes_total"));
        Assert.Equal(2 * Traffic.Gets, after.Sum("kestrelkv_wire_requests_total", ("function", "GET")));
        AssertNoDecrease(before, during);
        AssertNoDecrease(during, after);
    }

    private static void AssertNoDecrease(Scrape earlier, Scrape later)
    {
        var values = later.Counters().ToDictionary();
        Assert.All(earlier.Counters(), counter => Assert.InRange(values[counter.Series], counter.Value, double.MaxValue));
        Assert.NotEmpty(earlier.Counters());
    }
}
