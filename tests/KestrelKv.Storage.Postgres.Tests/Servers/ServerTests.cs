using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Servers;

/// <summary>Two servers on one database, as clients of the wire and of HTTP see them.</summary>
public sealed class ServerTests(PostgresServer database) : IClassFixture<PostgresServer>, IAsyncLifetime
{
    private readonly string _schema = PostgresServer.NewSchema();
    private ServerProcess _first = null!;
    private ServerProcess _second = null!;

    public async Task InitializeAsync() => (_first, _second) = (await StartAsync(), await StartAsync());

    public async Task DisposeAsync()
    {
        await _first.DisposeAsync();
        await _second.DisposeAsync();
    }

    [Fact]
    public async Task Calls_OnBothServers_SeeTheSameData()
    {
        using WireClient first = await WireClient.ConnectAsync(_first.WirePort), second = await WireClient.ConnectAsync(_second.WirePort);
        Assert.Equal(Frames.PutReply("a"), await first.CallAsync(Frames.Put("a", "{\"b\": [1, 2]}")));
        Assert.Equal(Frames.GetReply("a", "{\"b\": [1, 2]}"), await second.CallAsync(Frames.Get("a")));
        Assert.Equal("[1, 2]", await HttpAsync(_second, HttpMethod.Get, "v1/keys/a?path=/b"));

        // A retry on the other server is recognized.
        const string Increment = """{"func": "INCR", "params": {"obj": "n", "request_id": "r"}}""";
        string reply = await first.CallAsync(Increment);
        Assert.Equal(reply, await second.CallAsync(Increment));
        Assert.Equal("1", await HttpAsync(_first, HttpMethod.Get, "v1/keys/n"));

        string scan = await second.CallAsync("""{"func": "SCAN", "params": {"values": true}}""");
        Assert.Contains("{\"obj\": \"a\", \"val\": {\"b\": [1, 2]}}, {\"obj\": \"n\", \"val\": 1}", scan, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_ResumedOnTheOtherServer_MissesNothing()
    {
        using WireClient first = await WireClient.ConnectAsync(_first.WirePort), second = await WireClient.ConnectAsync(_second.WirePort);
        using (WireClient watcher = await WireClient.ConnectAsync(_first.WirePort))
        {
            await watcher.CallAsync("""{"func": "WATCH", "params": {"from_version": 1, "values": true}}""");
            await second.CallAsync(Frames.Put("a", "1"));
            Assert.Contains("\"version\": 1, \"kind\": \"put\", \"obj\": \"a\"", await watcher.ReceiveAsync(), StringComparison.Ordinal);
        }
        await first.CallAsync(Frames.Put("a", "2"));
        using WireClient resumed = await WireClient.ConnectAsync(_second.WirePort);
        string text = await resumed.CallAsync("""{"func": "WATCH", "params": {"from_version": 2, "values": true}}""");
        if (!text.Contains("\"kind\"", StringComparison.Ordinal)) text = (await resumed.ReceiveAsync())!;
        Assert.Contains("\"version\": 2, \"kind\": \"put\", \"obj\": \"a\", \"val\": 2", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stats_AndLimits_AreThoseOfTheEngine()
    {
        JsonElement stats = JsonSerializer.Deserialize<JsonElement>(await HttpAsync(_first, HttpMethod.Get, "v1/stats"));
        Assert.Equal(("postgres", "always"), (stats.GetProperty("engine").GetString(), stats.GetProperty("durability").GetString()));
        using WireClient client = await WireClient.ConnectAsync(_first.WirePort);
        Assert.Equal(Frames.PutReply(new('k', 2_048)), await client.CallAsync(Frames.Put(new('k', 2_048), "1")));
        Frames.AssertError(await client.CallAsync(Frames.Put(new('k', 2_049), "1")), "key_too_long", "expected at most 2048 (Limits:KeyBytesMax)");
        string refused = await HttpAsync(_first, HttpMethod.Post, "v1/admin/snapshot", status: HttpStatusCode.Conflict);
        Assert.Contains("\"code\":\"no_data_directory\"", refused, StringComparison.Ordinal);
        Assert.Equal(0, await _first.StopAsync());
        _first.AssertNoComplaint();
    }

    /// <summary>While the database is down, requests fail with an answer, and nothing else; then the servers continue.</summary>
    [Fact]
    public async Task Database_Down_IsUnavailableUntilItReturns()
    {
        using WireClient client = await WireClient.ConnectAsync(_first.WirePort);
        await client.CallAsync(Frames.Put("a", "1"));
        Assert.Equal("Healthy", await HttpAsync(_first, HttpMethod.Get, "health/ready"));
        await database.KillAsync();
        await Wait.UntilAsync(
            async () => await StatusAsync(_first, "health/ready") == HttpStatusCode.ServiceUnavailable, () => "the server remains ready");
        Assert.StartsWith(
            $"Unhealthy: No primary was found: 127.0.0.1:{database.Port}",
            await HttpAsync(_first, HttpMethod.Get, "health/ready", status: HttpStatusCode.ServiceUnavailable), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(_first, "health/live"));

        Frames.AssertError(await client.CallAsync(Frames.Get("a")), "unavailable", "the request was not executed");
        Frames.AssertError(await client.CallAsync(Frames.Put("a", "2")), "unavailable", "the request was not executed");
        Frames.AssertError(await client.CallAsync("""{"func": "SCAN", "params": {}}"""), "unavailable", "");
        string read = await HttpAsync(_first, HttpMethod.Get, "v1/keys/a", status: HttpStatusCode.ServiceUnavailable);
        string written = await HttpAsync(_first, HttpMethod.Put, "v1/keys/a", "2", HttpStatusCode.ServiceUnavailable);
        Assert.All([read, written], text => Assert.Contains("\"code\":\"unavailable\"", text, StringComparison.Ordinal));
        Assert.Contains("pong", await client.CallAsync("""{"func": "PING", "params": {}}"""), StringComparison.Ordinal);

        await database.RestartAsync();
        await Wait.UntilAsync(async () => await StatusAsync(_first, "health/ready") == HttpStatusCode.OK, () => "the server does not return");
        Assert.Equal(Frames.GetReply("a", "1"), await client.CallAsync(Frames.Get("a")));
        Assert.Equal(Frames.PutReply("a"), await client.CallAsync(Frames.Put("a", "2")));
    }

    /// <summary>The dashboard and the alerts query only metrics that a server on PostgreSQL exports, and the dashboard queries all of them.</summary>
    [Fact]
    public async Task Metrics_OfTheDashboardAndTheAlerts_AreExported()
    {
        using WireClient client = await WireClient.ConnectAsync(_first.WirePort);
        await client.CallAsync(Frames.Put("a", "1"));
        await client.CallAsync(Frames.Get("a"));
        await Task.Delay(350); // The exporter serves the same text for 300 ms.
        SortedSet<string> exported = Names(await HttpAsync(_first, HttpMethod.Get, "metrics"), @"^(kestrelkv_postgres_\w+)");
        SortedSet<string> plotted = Names(Read("deploy", "grafana", "dashboards", "kestrelkv.json"), @"(kestrelkv_postgres_\w+)");
        Assert.Equal(exported.Where(name => !name.EndsWith("_sum", StringComparison.Ordinal) && !name.EndsWith("_count", StringComparison.Ordinal)), plotted);
        Assert.Subset(exported, Names(Read("deploy", "prometheus", "alerts.yml"), @"(kestrelkv_postgres_\w+)"));

        static SortedSet<string> Names(string text, string pattern) =>
            new(Regex.Matches(text, pattern, RegexOptions.Multiline).Select(match => match.Groups[1].Value), StringComparer.Ordinal);
        static string Read(params string[] path) => File.ReadAllText(Repository.PathTo(path));
    }

    [Fact]
    public async Task Start_WithoutDatabase_ReportsItInOneLine()
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(
            [], ["Store:Engine=Postgres", $"Store:Postgres:ConnectionString=Host=127.0.0.1;Port={FreePort.FindFixed()};Username=postgres;Password=hidden"],
            null);
        Assert.Equal(1, exitCode);
        Assert.StartsWith("kestrelkv: The store cannot be opened. ", Assert.Single(output.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WithoutStandby_IsRefused()
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(
            [], ["Store:Engine=Postgres", $"Store:Postgres:ConnectionString={database.ConnectionString}"], null);
        Assert.Equal(1, exitCode);
        Assert.Contains("synchronous_standby_names", Assert.Single(output.TrimEnd().Split('\n')), StringComparison.Ordinal);
    }

    private Task<ServerProcess> StartAsync() => ServerProcess.StartAsync(
        [
            "Store:Engine=Postgres", $"Store:Postgres:ConnectionString={database.ConnectionString}", $"Store:Postgres:Schema={_schema}",
            "Store:Postgres:SynchronousStandby=false", "Store:Postgres:RequestTimeout=6s",
        ]);

    private static async Task<string> HttpAsync(
        ServerProcess server, HttpMethod method, string path, string? body = null, HttpStatusCode status = HttpStatusCode.OK)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(method, new Uri(server.Admin, path));
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await http.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, $"{(int)response.StatusCode}: {text}");
        return text;
    }

    private static async Task<HttpStatusCode> StatusAsync(ServerProcess server, string path)
    {
        using var http = new HttpClient();
        using HttpResponseMessage response = await http.GetAsync(new Uri(server.Admin, path));
        return response.StatusCode;
    }
}
