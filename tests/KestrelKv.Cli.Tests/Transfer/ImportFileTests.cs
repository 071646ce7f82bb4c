using System.IO.Pipelines;
using System.Text;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Cli.Transfer.Import;
using KestrelKv.Client;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>Imports notice files that are not what they should be, and report how far they came.</summary>
public sealed class ImportFileTests(TransferFixture fixture) : IClassFixture<TransferFixture>
{
    private const string Header = """{"export":{"format":1,"prefix":"","version":5,"expiry":true}}""" + "\n";

    private const string TooLong = """{"key":"this key is too long for it","value":1}""";

    [Theory]
    [InlineData("""{"key":"mark:1","value":1,"changes":{"version":1}}""")]
    [InlineData("""{"end":{"version":1,"entries":0,"changes":0},"key":"mark:1","value":1}""")]
    [InlineData("""{"export":{"format":1},"version":1}""")]
    [InlineData("""{"changes":{"version":1},"changes":{"version":1}}""")]
    [InlineData("""{"changes":1}""")]
    public async Task Import_OfAMarkWithAnotherMember_IsRefused(string line)
    {
        using var kkv = new Kkv(fixture.Target);
        KkvResult result = await kkv.RunWithInputAsync(line, "import", "-", "-o", "json");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("\"code\":\"invalid_line\"", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1_500)]
    public async Task Import_Resume_OfAnotherFileWithLinesOfTheSameLength_IsRefused(int changed)
    {
        using var kkv = new Kkv(fixture.Target);
        string file = kkv.Directory.PathTo("lines.ndjson");
        string[] lines = [.. Enumerable.Range(0, 2_000).Select(i => $$"""{"key":"equal:{{i:D6}}","value":1}"""), "nonsense"];
        await File.WriteAllLinesAsync(file, lines);
        Assert.Contains("Lines 1 to 2000 are applied", (await kkv.RunAsync("import", file)).Error, StringComparison.Ordinal);

        string state = await File.ReadAllTextAsync(file + ".kkv-import");
        string[] others = [.. lines[..^1]];
        others[changed == 0 ? 0 : ^1] = others[changed == 0 ? 0 : ^1].Replace('1', '2');
        Assert.NotEqual(lines[..^1], others);
        await File.WriteAllLinesAsync(file, others);
        KkvResult result = await kkv.RunAsync("import", file, "--resume", "-o", "json");
        Assert.Contains("\"code\":\"other_file\"", result.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Equal(state, await File.ReadAllTextAsync(file + ".kkv-import"));

        await File.WriteAllLinesAsync(file, lines[..^1]);
        TransferFiles.AssertSucceeded(await kkv.RunAsync("import", file, "--resume"));
    }

    [Fact]
    public async Task Import_OfManyInvalidLines_AfterARefusedBatch_Continues()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory", "Limits:KeyBytesMax=20"]);
        using var kkv = new Kkv(server);

        // A batch whose only operation is refused, a batch that is in progress when the first one ends, and batches without operations.
        string value = new('x', 2_000);
        string group = TooLong + "\n" + string.Concat(Enumerable.Repeat("no\n", 999)) +
            string.Concat(Enumerable.Range(0, 1_000).Select(i => $$"""{"key":"{{i}}","value":"{{value}}"}""" + "\n")) +
            string.Concat(Enumerable.Repeat("no\n", 4_000));
        KkvResult result = await kkv.RunWithInputAsync(string.Concat(Enumerable.Repeat(group, 3)), "import", "-", "--on-error", "skip");
        Assert.Contains("\"applied\":3000,\"expired\":0,\"skipped\":15000", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ImportBatch_AfterARefusal_IsReusedWithoutItsFailure()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory", "Limits:KeyBytesMax=20"]);
        await using KestrelKvClient client = StoreCopy.Connect(server);
        var batch = new ImportBatch("import-batch-tests");
        batch.Add(ImportLine.Parse(Encoding.UTF8.GetBytes(TooLong), new(100, 100, 100_000)), isExpired: false, keyHash: 1, number: 1);
        batch.Send(client, CancellationToken.None);
        await Assert.ThrowsAnyAsync<RefusedException>(() => batch.Call);
        batch.Remove(0);
        batch.Clear();
        Assert.True(batch.Call.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Import_FromLine_ReadsTheMarksBeforeIt()
    {
        using var kkv = new Kkv(fixture.Target);
        string lines = Header + """{"key":"from:1","value":1}""" + "\nnonsense\n" + """{"key":"from:2","value":2}""" + "\n";
        KkvResult cut = await kkv.RunWithInputAsync(lines, "import", "-", "--from-line", "4");
        Assert.Equal(ExitCode.Failed, cut.ExitCode);
        Assert.Contains("\"applied\":1,\"expired\":0,\"skipped\":0,\"complete\":false", cut.Output, StringComparison.Ordinal);

        string end = """{"changes":{"version":5}}""" + "\n" + """{"end":{"version":5,"entries":3,"changes":0}}""";
        TransferFiles.AssertSucceeded(await kkv.RunWithInputAsync(lines + end, "import", "-", "--from-line", "4"));
        TransferFiles.AssertSucceeded(await kkv.RunWithInputAsync(lines + end, "import", "-", "--from-line", "6"));
        KkvResult newer = await kkv.RunWithInputAsync(lines.Replace("\"format\":1", "\"format\":2") + end, "import", "-", "--from-line", "4");
        Assert.Contains("The format of the export is 2", newer.Error, StringComparison.Ordinal);
        KkvResult changed = await kkv.RunWithInputAsync(lines.Replace("nonsense\n", "") + end, "import", "-", "--from-line", "4");
        Assert.Contains("the file has been changed", changed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_WhoseServerIsLostAfterABatch_FailsWithAnotherCodeThanUnreachable()
    {
        ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        await using var client = new KestrelKvClient($"kestrelkv://127.0.0.1:{server.WirePort}?Timeout=1");
        var input = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await using Session session = TransferFiles.CreateSession(server, input.Reader.AsStream());
        Task<int> import = new Importer(session, new ImportOptions(null, false, false, false, 1, 100), client).RunAsync(CancellationToken.None);
        await WriteAsync(0, 5_000);
        await Wait.UntilAsync(async () => await client.CountAsync("gone:") == 5_000, () => "the lines are not applied");
        await server.DisposeAsync();
        await Wait.UntilAsync(() => TransferFiles.IsLostAsync(client), () => "the connection is not lost");
        await WriteAsync(5_000, 1_000);
        await input.Writer.CompleteAsync();
        CommandFailure failure = await Assert.ThrowsAsync<CommandFailure>(() => import);
        Assert.Equal((ExitCode.Failed, "connection_lost"), (failure.ExitCode, failure.Code));

        async Task WriteAsync(int from, int count) => await input.Writer.WriteAsync(Encoding.UTF8.GetBytes(
            string.Concat(Enumerable.Range(from, count).Select(i => $$"""{"key":"gone:{{i}}","value":1}""" + "\n"))));
    }
}
