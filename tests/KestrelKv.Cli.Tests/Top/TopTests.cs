using System.Text;
using System.Text.Json;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Cli.Top;

namespace KestrelKv.Cli.Tests.Top;

/// <summary>Live figures of a real server under load.</summary>
public sealed class TopTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task Pipe_UnderLoad_PrintsRates()
    {
        using var kkv = new Kkv(fixture.Server);
        Task<KkvResult> load = kkv.RunAsync("bench", "--seconds", "3", "--warm-up", "0", "--keys", "100", "--connections", "2");
        KkvResult top = await kkv.RunAsync("top", "--interval", "0.5", "--count", "6", "--timeout", "100");
        Assert.Equal((ExitCode.Ok, ""), (top.ExitCode, top.Error));
        JsonElement[] samples = [.. top.Output.Trim().Split('\n').Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(6, samples.Length);
        Assert.All(samples, sample => Assert.Equal("metrics", sample.GetProperty("source").GetString()));
        Assert.Contains(samples, sample =>
            sample.GetProperty("requests").TryGetProperty("GET", out JsonElement gets) && gets.GetDouble() > 10 &&
            sample.TryGetProperty("latency_us", out JsonElement latency) &&
                latency.GetProperty("p99").GetDouble() >= latency.GetProperty("p50").GetDouble() &&
            sample.TryGetProperty("sync_us", out _) && sample.GetProperty("connections").GetInt64() >= 2);
        Assert.Equal(ExitCode.Ok, (await load).ExitCode);
    }

    [Fact]
    public async Task Terminal_DrawsInPlace_AndRestoresTheScreen()
    {
        using var kkv = new Kkv(fixture.Server);
        await using var top = new TerminalProcess(kkv, "top", "--interval", "0.2");
        await top.WaitAsync("\e[?1049h");
        await top.WaitAsync("latency p99");
        await top.WaitAsync("▁");
        await top.TypeAsync("q", "\e[?1049l");
        Assert.Equal(ExitCode.Ok, await top.EndAsync());
    }

    [Fact]
    public async Task WithoutHttp_UsesInfo()
    {
        using var kkv = new Kkv(fixture.Server);
        KkvResult result = await kkv.RunAsync("top", "--interval", "0.1", "--count", "1", "--http", "http://127.0.0.1:1");
        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Contains("INFO", result.Error, StringComparison.Ordinal);
        JsonElement sample = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal("info", sample.GetProperty("source").GetString());
        Assert.False(sample.TryGetProperty("requests", out _));
    }

    [Fact]
    public async Task WithoutAServer_IsUnreachable()
    {
        using var kkv = new Kkv();
        KkvResult result = await kkv.RunAsync("top", "--count", "1", "--url", "kestrelkv://127.0.0.1:1", "--http", "http://127.0.0.1:1");
        Assert.Equal(ExitCode.Unreachable, result.ExitCode);
    }

    [Fact]
    public void Percentiles_AreThoseOfTheInterval()
    {
        MetricsPage before = Page(100, 100, 7), after = Page(150, 200, 17);
        TopSample sample = after.Since(before, default, seconds: 2);
        Percentiles latency = sample.Latency!.Value;
        Assert.Equal((1_000, 1_980, 1_998), (Math.Round(latency.P50), Math.Round(latency.P99), Math.Round(latency.P999)));
        Assert.Equal(5, sample.Requests!["GET"]);

        // After a restart, counters begin at 0.
        TopSample restarted = before.Since(after, default, seconds: 1);
        Assert.Equal(7, restarted.Requests!["GET"]);
        Assert.Equal(500, restarted.Latency!.Value.P50);
    }

    /// <summary>A server that starts raises its version to the milliseconds since 1970 times 1,024.</summary>
    [Fact]
    public void Commits_OfARestart_HaveNoRate()
    {
        MetricsPage before = Page(0, 0, 7, 1_000), after = Page(0, 0, 9, 1_500);
        Assert.Equal(250, after.Since(before, default, seconds: 2).Commits);
        Assert.Null(Page(0, 0, 9, 1_700_000_000_000L * 1_024).Since(before, default, seconds: 2).Commits);
        Assert.Null(Page(0, 0, 6, 1_000 + (1 << 24)).Since(before, default, seconds: 3_600).Commits);
    }

    [Fact]
    public async Task CtrlC_OnATerminal_Returns130()
    {
        using var kkv = new Kkv(fixture.Server);
        await using var top = new TerminalProcess(kkv, "top", "--interval", "60");
        await top.WaitAsync("Waiting for the first interval");
        await top.TypeAsync("\x03", "\e[?1049l");
        Assert.Equal(ExitCode.Interrupted, await top.EndAsync());
    }

    [Fact]
    public async Task Count_OnATerminal_LeavesTheLastFigures()
    {
        using var kkv = new Kkv(fixture.Server);
        KkvResult result = await kkv.RunInTerminalAsync("", "top", "--interval", "0.1", "--count", "2");
        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Contains("latency p99", result.Output.Split("\e[?1049l")[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task CtrlZ_RestoresTheTerminal_UntilTheProcessContinues()
    {
        using var kkv = new Kkv(fixture.Server);
        await using var shell = new TerminalProcess(kkv.StartInTerminal("bash -c 'set -m; kkv top --interval 60; echo code $?; fg; echo code $?'"));
        await shell.WaitAsync("Waiting for the first interval");
        await shell.TypeAsync("\x1a", "\e[?25h\e[?1049l");
        await shell.WaitAsync("code 1"); // 128 + SIGTSTP.
        await shell.WaitAsync("\e[?1049h\e[?25l");
        await shell.WaitAsync("Waiting for the first interval");
        await shell.TypeAsync("q", "\e[?25h\e[?1049l");
        await shell.WaitAsync("code 0");
    }

    [Fact]
    public void MissingMetrics_AreNoFigures()
    {
        TopSample sample = Page(1, 1, 1).Since(Page(0, 0, 0), default, seconds: 1);
        string json = Encoding.UTF8.GetString(TopJson.Of(sample));
        Assert.Contains("\"keys\":1", json, StringComparison.Ordinal);
        foreach (string name in new[] { "syncs", "connections", "memory_bytes", "process_bytes", "evicted" })
            Assert.DoesNotContain($"\"{name}\"", json, StringComparison.Ordinal);
        var screen = new TopScreen("\e]0;x\a");
        screen.Add(sample);
        string lines = string.Join('\n', screen.Draw(100, 40));
        Assert.Contains("connections -   watches -   feed lag - commits", lines, StringComparison.Ordinal);
        Assert.DoesNotContain("\e", lines, StringComparison.Ordinal);
    }

    private static MetricsPage Page(int toOne, int toTwo, int requests, long version = 0) => new($$"""
        # HELP kestrelkv_wire_request_duration_seconds Duration.
        kestrelkv_wire_request_duration_seconds_bucket{otel="x",le="0.001"} {{toOne}}
        kestrelkv_wire_request_duration_seconds_bucket{otel="x",le="0.002"} {{toTwo}}
        kestrelkv_wire_request_duration_seconds_bucket{otel="x",le="+Inf"} {{toTwo}}
        kestrelkv_wire_requests_total{otel="x",function="GET",outcome="ok"} {{requests}} 1700000000000
        kestrelkv_store_keys{otel="x"} 1
        kestrelkv_store_version{otel="x"} {{version}}
        """);
}
