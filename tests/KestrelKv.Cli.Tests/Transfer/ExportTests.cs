using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>An export has exactly the entries of its version, also under writes and after interruptions.</summary>
public sealed class ExportTests(TransferFixture fixture) : IClassFixture<TransferFixture>
{
    [Fact]
    public Task Export_DuringWrites_IsTheStateAtItsVersion() => ExportDuringWritesAsync("writes:", keys: 5_000, rounds: 3);

    [SoakFact]
    public Task Export_DuringWrites_OfManyKeys_IsTheStateAtItsVersion() => ExportDuringWritesAsync("soak:", keys: 300_000, rounds: 5);

    [Fact]
    public Task Export_InterruptedDuringWrites_ResumesToTheStateAtItsVersion() => InterruptAsync("cut:", keys: 60_000, rounds: 2);

    [SoakFact]
    public Task Export_InterruptedOften_ResumesToTheStateAtItsVersion() => InterruptAsync("cuts:", keys: 300_000, rounds: 5);

    [Fact]
    public async Task Export_Resume_CutsATornLine()
    {
        using var kkv = new Kkv(fixture.Source);
        string file = kkv.Directory.PathTo("torn.out");
        TransferFiles.AssertSucceeded(await kkv.RunAsync("import", TransferFiles.WriteNumbered(kkv, "torn:", 60_000)));
        Assert.Null(await TransferFiles.InterruptAsync(kkv, "KILL", () => TransferFiles.LengthOf(file + ".part") > 200_000, "export", "torn:",
            "--file", file));
        using (FileStream part = File.OpenWrite(file + ".part")) part.SetLength(part.Length - 7);
        await File.AppendAllTextAsync(file + ".changes", """{"key":"torn:no""");

        TransferFiles.AssertSucceeded(await kkv.RunAsync("export", "torn:", "--file", file, "--resume"));
        StoreCopy.Read(file, out StoreCopy copy);
        TransferFiles.Expected("torn:", 60_000).AssertEquals(copy);
    }

    [Fact]
    public async Task Export_Resume_OfNothingOrOfAnotherExport_IsRefused()
    {
        using var kkv = new Kkv(fixture.Source);
        string file = kkv.Directory.PathTo("other.out");
        KkvResult missing = await kkv.RunAsync("export", "a:", "--file", file, "--resume");
        Assert.Equal(ExitCode.Failed, missing.ExitCode);
        Assert.Contains("Start it without --resume", missing.Error, StringComparison.Ordinal);

        await File.WriteAllTextAsync(file + ".part", """{"export":{"format":1,"prefix":"b:","version":1,"expiry":true}}""" + "\n");
        await File.WriteAllTextAsync(file + ".changes", """{"version":1}""" + "\n");
        KkvResult other = await kkv.RunAsync("export", "a:", "--file", file, "--resume");
        Assert.Equal(ExitCode.Failed, other.ExitCode);
        Assert.Contains("another prefix", other.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Export_Resume_AfterTheHistoryIsLost_SaysSo()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(["Data:Durability=Memory"]);
        using var kkv = new Kkv(server);
        string file = kkv.Directory.PathTo("lost.out");
        await kkv.RunAsync("put", "lost:1", "1");
        await File.WriteAllTextAsync(file + ".part", """{"export":{"format":1,"prefix":"lost:","version":1,"expiry":true}}""" + "\n");
        await File.WriteAllTextAsync(file + ".changes", """{"version":1}""" + "\n");
        KkvResult result = await kkv.RunAsync("export", "lost:", "--file", file, "--resume");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("Start it again without --resume", result.Error, StringComparison.Ordinal);
    }

    private async Task ExportDuringWritesAsync(string prefix, int keys, int rounds)
    {
        using var kkv = new Kkv(fixture.Source);
        TransferFiles.AssertSucceeded(await kkv.RunAsync("import", TransferFiles.WriteNumbered(kkv, prefix, keys)));
        await using Writers writers = await Writers.StartAsync(StoreCopy.Connect(fixture.Source), prefix, keys, Random.Shared.Next());
        string file = kkv.Directory.PathTo("export.out");
        for (int i = 0; i < rounds; i++)
        {
            TransferFiles.AssertSucceeded(await kkv.RunAsync("export", prefix, "--file", file));
            long version = StoreCopy.Read(file, out StoreCopy copy);
            (await writers.AtAsync(version)).WithoutShortLived().AssertEquals(copy.WithoutShortLived());
        }
    }

    private async Task InterruptAsync(string prefix, int keys, int rounds)
    {
        using var kkv = new Kkv(fixture.Source);
        TransferFiles.AssertSucceeded(await kkv.RunAsync("import", TransferFiles.WriteNumbered(kkv, prefix, keys)));
        await using Writers writers = await Writers.StartAsync(StoreCopy.Connect(fixture.Source), prefix, keys, Random.Shared.Next());
        string file = kkv.Directory.PathTo("export.out");
        string[] args = ["export", prefix, "--file", file];
        for (int i = 0; i < rounds; i++)
        {
            foreach (string signal in (string[])["KILL", "INT", "KILL"])
            {
                string[] resume = File.Exists(file + ".part") ? ["--resume"] : [];
                long enough = TransferFiles.LengthOf(file + ".part") + Random.Shared.Next(1, keys * 20);
                KkvResult? result = await TransferFiles.InterruptAsync(kkv, signal, () => TransferFiles.LengthOf(file + ".part") >= enough, [.. args,
                    .. resume]);
                if (result is { ExitCode: ExitCode.Interrupted }) Assert.Contains("--resume", result.Error, StringComparison.Ordinal);
            }
            if (File.Exists(file + ".part")) TransferFiles.AssertSucceeded(await kkv.RunAsync([.. args, "--resume"]));
            long version = StoreCopy.Read(file, out StoreCopy copy);
            (await writers.AtAsync(version)).WithoutShortLived().AssertEquals(copy.WithoutShortLived());
            File.Delete(file);
        }
    }
}
