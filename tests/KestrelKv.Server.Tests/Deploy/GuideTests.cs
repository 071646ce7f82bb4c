using System.Globalization;
using System.Text.Json;
using KestrelKv.Server.Tests.Documents;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Deploy;

/// <summary>The commands and the client of "Secure remote access" work when pasted, and the dashboard shows their effects.</summary>
public sealed class GuideTests(GuideServer guide) : IClassFixture<GuideServer>
{
    /// <summary>Replaces the client's print, so that its output can be parsed.</summary>
    private const string PrintJson = "import builtins, json\nprint = lambda reply: builtins.print(json.dumps(reply))\n";

    [Fact]
    public async Task Check_OfTheReader_PrintsTheSentenceOfTheGuide()
    {
        string printed = await guide.UserAsync("check", "report", "order:1");

        Assert.Contains($"`{printed}`", GuideServer.Guide, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PythonClient_AsTheWriter_PutsAndGets()
    {
        JsonElement[] replies = await RunClientAsync("orders");

        Assert.Equal(["OK", "OK", "OK"], replies.Select(reply => reply.GetProperty("status").GetString()));
        Assert.Equal("{\"total\": 12.5}", replies[2].GetProperty("response").GetProperty("response").GetProperty("val").GetRawText());
    }

    [Fact]
    public async Task PythonClient_AsTheReader_GetsAndIsForbiddenToPut()
    {
        JsonElement[] replies = await RunClientAsync("report");

        Assert.Equal(["OK", "ERROR", "OK"], replies.Select(reply => reply.GetProperty("status").GetString()));
        Assert.Equal("forbidden", replies[1].GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task ClientCertificate_Created_IsOneOfTheAuthority()
    {
        string printed = await guide.RunAsync("clientAuth");

        // The fingerprint that the users file expects.
        Assert.Matches("(?m)^[0-9a-f]{64}  -$", printed);
        await Programs.RunAsync(
            "openssl",
            ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", $"{guide.Folder}/ca.crt", $"{guide.Folder}/orders.crt"]);
    }

    [Theory]
    [MemberData(nameof(DashboardTargets))]
    public async Task Dashboard_EachTargetAboutSecurity_HasData(string panel, string expression)
    {
        await RunClientAsync("report");
        await RunClientAsync("nobody");

        string query = expression
            .Replace("$__rate_interval", "5m", StringComparison.Ordinal)
            .Replace("$instance", ".*", StringComparison.Ordinal);
        var result = await guide.Prometheus.QueryUntilAsync(query, result => result.Count > 0);
        Assert.True(result.Count > 0, panel);
    }

    public static TheoryData<string, string> DashboardTargets()
    {
        var data = new TheoryData<string, string>();
        foreach (var (panel, expression, _) in Dashboard.Targets().Where(target => MonitoringTests.IsAboutSecurity(target.Expression)))
            data.Add(panel, expression);
        return data;
    }

    [Fact]
    public async Task Metrics_AboutSecurity_AreThoseOfTheDashboardAndTheAlerts()
    {
        await RunClientAsync("report");
        await RunClientAsync("nobody");
        var queried = await guide.Prometheus.QueryUntilAsync(
            """group by (__name__) ({__name__=~"kestrelkv_(auth|tls)_.*"})""",
            result => result.Exists(sample => sample.Labels["__name__"] == "kestrelkv_auth_failures_total"));

        // The exporter adds the start times of counters, as OpenMetrics specifies.
        var names = queried.Select(sample => sample.Labels["__name__"]);
        string[] exported = [.. names.Where(name => !name.EndsWith("_created", StringComparison.Ordinal)).Order()];

        Assert.Equal(
            exported,
            Dashboard.Targets().SelectMany(target => MonitoringTests.MetricNames(target.Expression))
                .Where(MonitoringTests.IsAboutSecurity).Distinct().Order());
        Assert.All(
            MonitoringTests.Alerts().SelectMany(MonitoringTests.MetricNames).Where(MonitoringTests.IsAboutSecurity),
            name => Assert.Contains(name, exported));
    }

    /// <summary>Runs the Python client of the guide and returns the replies that it prints. An unknown user has a wrong secret.</summary>
    private async Task<JsonElement[]> RunClientAsync(string user)
    {
        string address = string.Create(CultureInfo.InvariantCulture, $"(\"127.0.0.1\", {guide.TlsPort})");
        string client = Assert.Single(Markdown.Blocks(GuideServer.Guide, "python"))
            .Replace("(\"kv.example.com\", 4445)", address, StringComparison.Ordinal);
        string secret = guide.Secrets.GetValueOrDefault(user, "wrong");
        string printed = await Programs.RunAsync(
            "env", [$"--chdir={guide.Folder}", $"KKV_USER={user}", $"KKV_SECRET={secret}", "python3", "-c", PrintJson + client]);
        return [.. printed.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }
}
