using System.Text.Json;
using KestrelKv.Cli.Bench;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Cli.Top;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Bench;

/// <summary>Short runs against real servers. The counts are exactly those of the server.</summary>
public sealed class BenchTests
{
    private const string Secret = "kkv_4nCYfmSNQp5ZVPtdJ0TsbXlUHWjZ6tHhNAEo9MvqIzcAbC3dE";

    [Theory]
    [InlineData("mixed", 1, "100")]
    [InlineData("get", 16, "2")]
    [InlineData("put", 16, "9")]
    [InlineData("mixed", 3, "5000")]
    public async Task ClosedLoop_CountsWhatTheServerCounts(string mix, int inFlight, string valueBytes)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        using var kkv = new Kkv(server);
        JsonElement result =
            await RunAsync(kkv, "--mix", mix, "--in-flight", $"{inFlight}", "--value-bytes", valueBytes, "--keys", "1000", "--put-percent", "30");
        IReadOnlyDictionary<string, double> requests = await CountAsync(server);
        (long gets, long puts, long filled) =
            (result.GetProperty("gets").GetInt64(), result.GetProperty("puts").GetInt64(), result.GetProperty("filled").GetInt64());
        Assert.Equal(gets, (long)requests.GetValueOrDefault("GET"));
        Assert.Equal(puts + filled, (long)requests.GetValueOrDefault("PUT"));
        Assert.Equal(1_000, (long)requests["DELETE"]);
        Assert.Equal(gets + puts, result.GetProperty("requests").GetInt64());
        Assert.Equal((mix != "put", mix != "get"), (gets > 0, puts > 0));
        Assert.Equal("closed", result.GetProperty("loop").GetString());
        Assert.True(result.GetProperty("latency_us")
            .GetProperty("max").GetDouble() >= result.GetProperty("latency_us").GetProperty("p50").GetDouble());

        // The keys are removed.
        JsonElement keys = JsonDocument.Parse((await kkv.RunAsync("keystats")).Output).RootElement;
        Assert.Equal(0, keys.GetProperty("keys").GetInt32());
    }

    [Fact]
    public async Task OpenLoop_SendsTheIntendedNumber()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        using var kkv = new Kkv(server);
        JsonElement result = await RunAsync(kkv, "--rate", "600", "--keys", "100", "--connections", "5");
        Assert.Equal("open", result.GetProperty("loop").GetString());
        Assert.Equal(600, result.GetProperty("requests").GetInt64()); // For one second.
        Assert.True(result.TryGetProperty("start_delay_us", out _));
    }

    [Fact]
    public async Task Tls_WithAUser_Works()
    {
        using var authority = new TestAuthority();
        using TestUsersFile users = Users("[\"read\", \"write\"]");
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting, $"Wire:Tls:Certificate={authority.IssueServer()}"]);
        using var kkv = new Kkv(server);
        kkv["KKV_URL"] = $"kestrelkvs://app:{Secret}@localhost:{server.TlsPort}?TlsAuthority={authority.RootFile}";
        JsonElement result = await RunAsync(kkv, "--keys", "100", "--connections", "3");
        Assert.True(result.GetProperty("requests").GetInt64() > 0);
    }

    [Fact]
    public async Task Refusals_AreReported()
    {
        using TestUsersFile users = Users("[\"read\"]");
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);
        using var kkv = new Kkv(server);
        kkv["KKV_URL"] = $"kestrelkv://app:{Secret}@127.0.0.1:{server.WirePort}";
        KkvResult result = await kkv.RunAsync("bench", "--seconds", "0.1", "--warm-up", "0", "--mix", "put", "--keys", "10", "--connections", "1");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("10 of 10 keys could not be written: forbidden", result.Error, StringComparison.Ordinal);
        Assert.Contains("kkv:bench:", result.Error, StringComparison.Ordinal);
    }

    /// <summary>The server reads on only after its replies are read.</summary>
    [Fact]
    public async Task LargeValues_InFlight_Complete()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        using var kkv = new Kkv(server);
        JsonElement result = await RunAsync(
            kkv, "--value-bytes", "1000000", "--in-flight", "32", "--connections", "1", "--keys", "5", "--put-percent", "50");
        Assert.True(result.GetProperty("requests").GetInt64() >= 32);
    }

    [Fact]
    public async Task HungServer_EndsByTheDeadline_AndReportsKeysThatMayBeLeft()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        using var proxy = new StalledProxy(server.WirePort, 30_000);
        using var kkv = new Kkv(server) { ["KKV_URL"] = proxy.Url };
        KkvResult result =
            await kkv.RunAsync("bench", "--seconds", "2", "--warm-up", "0", "--keys", "100", "--connections", "2", "--timeout", "1");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        JsonElement counts = JsonDocument.Parse(result.Output).RootElement;
        Assert.True(counts.GetProperty("errors").GetProperty("timeout").GetInt64() >= 2);
        Assert.Matches("Keys under kkv:bench:[0-9a-f]+: may be left, because their removal failed: timeout", result.Error);
    }

    [Fact]
    public async Task CtrlC_WithAHungServer_PrintsThePartialResult()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        using var proxy = new StalledProxy(server.WirePort, 30_000);
        using var kkv = new Kkv(server) { ["KKV_URL"] = proxy.Url };
        using System.Diagnostics.Process bench = kkv.Start("bench", "--seconds", "600", "--warm-up", "0", "--keys", "100", "--connections", "2");
        await proxy.Stalled;
        await Kkv.SignalAsync(bench, "INT"); // It prints the partial result, and begins to remove the keys.
        JsonElement counts = JsonDocument.Parse((await bench.StandardOutput.ReadLineAsync())!).RootElement;
        Assert.True(counts.GetProperty("partial").GetBoolean());
        Assert.True(counts.GetProperty("requests").GetInt64() > 0);
        await Kkv.SignalAsync(bench, "INT");
        KkvResult result = await Kkv.EndAsync(bench);
        Assert.Equal(ExitCode.Interrupted, result.ExitCode);
        Assert.Contains("may be left", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnotherMachine_NeedsConfirmation()
    {
        using var kkv = new Kkv();
        KkvResult result = await kkv.RunAsync("bench", "--url", "kestrelkv://db.invalid");
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains("--yes", result.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Unreachable, (await kkv.RunAsync("bench", "--yes", "--url", "kestrelkv://127.0.0.1:1")).ExitCode);
        Assert.Equal(ExitCode.Usage, (await kkv.RunAsync("bench", "--read-only")).ExitCode);
    }

    [Fact]
    public void Latencies_HaveASmallError()
    {
        var counts = new LatencyCounts();
        for (int i = 1; i <= 1_000_000; i++) counts.Add(i, 1);
        double unit = 1e6 / System.Diagnostics.Stopwatch.Frequency;
        foreach (double fraction in new[] { 0.001, 0.5, 0.99, 0.999 })
            Assert.InRange(counts.Percentile(fraction) / (fraction * 1e6 * unit), 1 - 1 / 128.0, 1 + 1 / 128.0);
        Assert.Equal(1e6 * unit, counts.Max, 1);
    }

    private static TestUsersFile Users(string rights) => new($$$$"""
        {"version": 1,
         "roles": {"bench": {"grants": [{"prefix": "kkv:bench:", "allow": {{{{rights}}}} }]}},
         "users": {"app": {"roles": ["bench"], "secrets": [{"sha256": "{{{{TestUsersFile.HashOf(Secret)}}}}"}]}}}
        """);

    private static async Task<JsonElement> RunAsync(Kkv kkv, params string[] args)
    {
        KkvResult result = await kkv.RunAsync(["bench", "--seconds", "1", "--warm-up", "0", .. args]);
        Assert.Equal((ExitCode.Ok, ""), (result.ExitCode, result.Error));
        return JsonDocument.Parse(result.Output).RootElement;
    }

    private static async Task<IReadOnlyDictionary<string, double>> CountAsync(ServerProcess server)
    {
        using var http = new HttpClient { BaseAddress = server.Admin };
        var page = new MetricsPage(await http.GetStringAsync(new Uri("metrics", UriKind.Relative)));
        return page.Since(new MetricsPage(""), default, seconds: 1).Requests!;
    }
}
