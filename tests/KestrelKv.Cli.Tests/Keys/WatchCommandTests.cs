using System.Diagnostics;
using System.Globalization;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Client;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Keys;

public sealed class WatchCommandTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task Watch_OfALostServer_ReportsItOnATerminal()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using var kkv = new Kkv(server) { ["KKV_URL"] = $"kestrelkv://127.0.0.1:{server.WirePort}?ProgressInterval=0.1" };
        await kkv.RunAsync("put", "lost:1", "1");
        await using var watch = new TerminalProcess(kkv, "watch", "lost:", "--snapshot", "--max", "2", "--no-color");
        await watch.WaitAsync("changes follow");
        await Programs.RunAsync("kill", ["-s", "STOP", $"{server.Id}"]);
        await watch.WaitAsync("kkv: The server has sent nothing for 1.2 seconds. The watch waits for it.");
        await Programs.RunAsync("kill", ["-s", "CONT", $"{server.Id}"]);
        await watch.WaitAsync("kkv: The server sends again.");
        await kkv.RunAsync("put", "lost:2", "2");
        Assert.Equal(ExitCode.Ok, await watch.EndAsync());
    }

    [Fact]
    public async Task Watch_FromAVersion_PrintsChangesAsNdjsonOrLines()
    {
        var kkv = new InProcess(fixture.Server);
        string first = await WriteAsync("w1:");
        Assert.Equal("""
            {"kind":"put","key":"w1:a","value":1.0,"version":V,"expires_at":null}
            {"kind":"set_expiry","key":"w1:a","version":V,"expires_at":T}
            {"kind":"delete","key":"w1:a","version":V}

            """, (await kkv.RunAsync("watch", "w1:", "--from", first, "--max", "3")).Output);
        Assert.Equal("""{"kind":"put","key":"w1:a","version":V,"expires_at":null}""" + "\n",
            (await kkv.RunAsync("watch", "w1:", "--from", first, "-n", "1", "--keys-only")).Output);
        string lines =
            (await new InProcess(fixture.Server) { IsTerminal = true }.RunAsync("watch", "w1:", "--from", first, "-n", "3", "--no-color")).Output;
        Assert.Equal(["put         w1:a = 1.0", "set_expiry  w1:a expires 2100-01-01 00:00:00Z", "delete      w1:a"], lines.TrimEnd('\n')
            .Split('\n').Select(line => line[10..]));
    }

    [Fact]
    public async Task Watch_WithSnapshot_PrintsEntriesFirst()
    {
        var kkv = new InProcess(fixture.Server);
        await kkv.RunAsync("put", "w2:a", "1");
        Assert.Equal("""
            {"kind":"reset"}
            {"kind":"put","key":"w2:a","value":1,"version":V,"expires_at":null}

            """, (await kkv.RunAsync("watch", "w2:", "--snapshot", "--max", "1")).Output);
    }

    [Theory]
    [InlineData("--from", "-1", ExitCode.Usage, "--from is -1")]
    [InlineData("--max", "0", ExitCode.Usage, "--max is 0")]
    [InlineData("--from", "9000000000000000", ExitCode.Failed, "(future_version)")]
    public async Task Watch_WithAnInvalidOption_IsRefused(string option, string value, int exitCode, string message)
    {
        KkvResult result = await new InProcess(fixture.Server).RunAsync("watch", option, value);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_Interrupted_PrintsThePositionAtWhichItContinues()
    {
        using var kkv = new Kkv(fixture.Server);
        string first = await WriteAsync("w3:");
        using Process watch = kkv.Start("watch", "w3:", "--from", first);
        for (int i = 0; i < 3; i++) Assert.NotNull(await watch.StandardOutput.ReadLineAsync());
        await using KestrelKvClient client = fixture.Connect();
        long last = (await client.PutAsync("w3:b", 1)).Version;
        Assert.Contains("w3:b", await watch.StandardOutput.ReadLineAsync(), StringComparison.Ordinal);
        await Kkv.SignalAsync(watch, "INT");
        KkvResult result = await Kkv.EndAsync(watch);
        Assert.Equal(ExitCode.Interrupted, result.ExitCode);
        Assert.Contains(result.Error,
            (string[])[$"kkv: Interrupted. Continue with --from {last + 1}.\n", $"kkv: Interrupted. Continue with --from {last}.\n"]);
    }

    [Fact]
    public async Task Output_WhoseReaderIsGone_IsNoError()
    {
        using var kkv = new Kkv(fixture.Server);
        await using KestrelKvClient client = fixture.Connect();
        for (int i = 0; i < 3; i++) await client.PutAsync($"w4:{i}", new string('x', 100_000));
        using Process shell = kkv.StartProgram("bash", ["-c", "kkv scan w4: --values | head -c 1; echo \" ${PIPESTATUS[0]}\""]);
        Assert.Equal(new(0, "{ 0\n", ""), await Kkv.EndAsync(shell));
    }

    /// <summary>Writes three changes. Returns the version of the first.</summary>
    private async Task<string> WriteAsync(string prefix)
    {
        await using KestrelKvClient client = fixture.Connect();
        WriteResult first = await client.PutUtf8Async(prefix + "a", "1.0"u8.ToArray());
        await client.ExpireAsync(prefix + "a", Expiry.At(DateTimeOffset.FromUnixTimeSeconds(4_102_444_800)));
        await client.DeleteAsync(prefix + "a");
        return first.Version.ToString(CultureInfo.InvariantCulture);
    }
}
