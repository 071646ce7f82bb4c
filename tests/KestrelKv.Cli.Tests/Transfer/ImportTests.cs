using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Client;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>Imports: invalid lines, interruptions, and servers that end.</summary>
public sealed class ImportTests(TransferFixture fixture) : IClassFixture<TransferFixture>
{
    [Fact]
    public async Task Import_WithInvalidLines_ReportsAndSkipsThem()
    {
        using var kkv = new Kkv(fixture.Target);
        string[] lines =
        [
            """{"key":"bad:1","value":1}""", "nonsense", "", """{"key":"bad:2","value":[1}""", """{"key":"","value":1}""",
            """{"key":"\ud800","value":1}""",
            $$"""{"key":"{{new string('k', 4_097)}}","value":1}""", """{"key":"bad:3","value":1,"ttl":5}""", """{"key":"bad:4"}""",
            $$"""{"key":"bad:5","value":{{new string('[', 1_025)}}{{new string(']', 1_025)}}}""", """{"key":"bad:6","value":1,"expires_at":"soon"}""",
            """{"key":"bad:7","value":7,"expires_at":1000}""", """{"key":"bad:8","value":8,"expires_at":4102444800}""", """{"value":1}""",
            """{"key":"bad:1","deleted":true}""",
        ];
        KkvResult result = await kkv.RunWithInputAsync(string.Join('\n', lines), "import", "-", "--on-error", "skip");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("\"applied\":4,\"expired\":1,\"skipped\":10", result.Output, StringComparison.Ordinal);
        foreach (int number in (int[])[2, 4, 5, 6, 7, 8, 9, 10, 11, 14]) Assert.Contains($"kkv: Line {number}: ", result.Error,
            StringComparison.Ordinal);
        await using KestrelKvClient client = StoreCopy.Connect(fixture.Target);
        StoreCopy copy = await StoreCopy.ReadAsync(client, "bad:");
        Assert.Equal([KeyValuePair.Create("bad:8", ("8", "4102444800"))], copy.Entries);
    }

    [Fact]
    public async Task Import_WithAnInvalidLine_StopsThere_AndResumesAfterTheRepair()
    {
        using var kkv = new Kkv(fixture.Target);
        string file = TransferFiles.WriteNumbered(kkv, "stop:", 3_000);
        string[] lines = await File.ReadAllLinesAsync(file);
        string good = lines[2_500];
        lines[2_500] = good.Replace('}', ')');
        await File.WriteAllLinesAsync(file, lines);
        KkvResult result = await kkv.RunAsync("import", file);
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("Line 2501: ", result.Error, StringComparison.Ordinal);
        Assert.Contains("Lines 1 to 2500 are applied", result.Error, StringComparison.Ordinal);

        lines[2_500] = good;
        await File.WriteAllLinesAsync(file, lines);
        TransferFiles.AssertSucceeded(await kkv.RunAsync("import", file, "--resume"));
        await AssertImportedAsync(fixture.Target, "stop:", 3_000);
    }

    [Fact]
    public async Task Import_OfLinesThatTheServerRefuses_RepeatsTheBatchWithoutThem()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory", "Limits:KeyBytesMax=20"]);
        using var kkv = new Kkv(server);
        string file = TransferFiles.WriteNumbered(kkv, "refuse:", 2_500);
        List<string> lines = [.. await File.ReadAllLinesAsync(file)];
        foreach (int at in (int[])[2_000, 1_000, 500, 499, 0]) lines.Insert(at, """{"key":"this key is too long for it","value":1}""");
        await File.WriteAllLinesAsync(file, lines);
        KkvResult result = await kkv.RunAsync("import", file, "--on-error", "skip");
        Assert.Contains("\"skipped\":5", result.Output, StringComparison.Ordinal);
        foreach (int number in (int[])[1, 501, 503, 1_004, 2_005]) Assert.Contains($"kkv: Line {number}: ", result.Error, StringComparison.Ordinal);
        await AssertImportedAsync(server, "refuse:", 2_500);
    }

    [Fact]
    public async Task Import_DryRun_ChecksAndWritesNothing()
    {
        using var kkv = new Kkv(fixture.Target);
        string file = TransferFiles.WriteNumbered(kkv, "dry:", 2_000);
        KkvResult result = await kkv.RunAsync("import", file, "--dry-run", "--read-only");
        TransferFiles.AssertSucceeded(result);
        Assert.Contains("\"dry_run\":true,\"lines\":2200,\"applied\":2200", result.Output, StringComparison.Ordinal);
        await using KestrelKvClient client = StoreCopy.Connect(fixture.Target);
        Assert.Equal(0, await client.CountAsync("dry:"));
        Assert.Equal(ExitCode.Usage, (await kkv.RunAsync("import", file, "--read-only")).ExitCode);
    }

    [Fact]
    public async Task Import_OfAnIncompleteExport_FailsAfterItsLines()
    {
        using var kkv = new Kkv(fixture.Target);
        KkvResult result = await kkv.RunWithInputAsync(
            """{"export":{"format":1,"prefix":"","version":5,"expiry":true}}""" + "\n" +
                """{"key":"half:1","value":1,"version":5,"expires_at":null}""" + "\n", "import", "-");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("incomplete", result.Error, StringComparison.Ordinal);
        Assert.Contains("\"applied\":1", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public Task Import_WhoseServerIsKilledAndRestarted_AppliesEverything() => RestartAsync("restart:", 40_000, restarts: 2);

    [Fact]
    public async Task Import_ThatIsInterrupted_Resumes()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=EverySec"]);
        using var kkv = new Kkv(server);
        await using KestrelKvClient client = StoreCopy.Connect(server);
        string file = TransferFiles.WriteNumbered(kkv, "resume:", 80_000);
        foreach ((int i, string signal) in ((string[])["KILL", "INT", "KILL"]).Index())
        {
            string[] resume = i == 0 ? [] : ["--resume"];

            // The server may still apply four batches of the process before. More keys are those of this one, which then handles signals.
            long enough = await client.CountAsync("resume:") + Random.Shared.Next(4_001, 20_000);
            KkvResult? result = await TransferFiles.InterruptAsync(
                kkv, signal, () => client.CountAsync("resume:").AsTask().GetAwaiter().GetResult() >= enough, ["import", file, .. resume]);
            if (result is { ExitCode: ExitCode.Ok }) break;
            if (result is not null) Assert.Contains("--resume", result.Error, StringComparison.Ordinal);
        }
        if (File.Exists(file + ".kkv-import")) TransferFiles.AssertSucceeded(await kkv.RunAsync("import", file, "--resume"));
        await AssertImportedAsync(server, "resume:", 80_000);
        Assert.False(File.Exists(file + ".kkv-import"));
    }

    [SoakFact]
    public Task Import_WhoseServerIsKilledOften_AppliesEverything() => RestartAsync("restarts:", 300_000, restarts: 6);

    private static async Task RestartAsync(string prefix, int keys, int restarts)
    {
        using var data = new DataDirectory();
        string[] settings = [$"Wire:Port={FreePort.FindFixed()}", "Data:Durability=Always"];
        ServerProcess server = await ServerProcess.StartAsync(settings, data: data);
        using var kkv = new Kkv(server);
        string file = TransferFiles.WriteNumbered(kkv, prefix, keys);
        Task<KkvResult> import = kkv.RunAsync("import", file);
        for (int i = 0; i < restarts; i++)
        {
            await using (KestrelKvClient client = StoreCopy.Connect(server))
            {
                long enough = Math.Min(keys, await client.CountAsync(prefix) + keys / (restarts + 1));
                await Wait.UntilAsync(async () => import.IsCompleted ||
                    await client.CountAsync(prefix) >= enough, () => "the import does not progress");
            }
            server.Kill();
            await server.DisposeAsync();
            server = await ServerProcess.StartAsync(settings, data: data);
        }
        await using ServerProcess last = server;
        TransferFiles.AssertSucceeded(await import);
        await AssertImportedAsync(last, prefix, keys);
    }

    private static async Task AssertImportedAsync(ServerProcess server, string prefix, int keys)
    {
        await using KestrelKvClient client = StoreCopy.Connect(server);
        TransferFiles.Expected(prefix, keys).AssertEquals(await StoreCopy.ReadAsync(client, prefix));
    }
}
