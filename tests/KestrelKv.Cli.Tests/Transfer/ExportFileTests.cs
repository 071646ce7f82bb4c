using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Cli.Transfer.Export;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>The files of an export: one writer, one set of options. And the version at which the changes may end.</summary>
public sealed class ExportFileTests(TransferFixture fixture) : IClassFixture<TransferFixture>
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Export_ToTheFileOfAnotherExport_IsRefused_AndTheOtherOneCompletes(bool resumes)
    {
        using var kkv = new Kkv(fixture.Source);
        using var proxy = new HoldingProxy(fixture.Source.WirePort, "SCAN", "SCAN");
        string prefix = $"shared{resumes}:", file = kkv.Directory.PathTo("shared.out");
        TransferFiles.AssertSucceeded(await kkv.RunAsync("import", TransferFiles.WriteNumbered(kkv, prefix, 2_500)));
        Task<KkvResult> first = kkv.RunAsync("export", prefix, "--file", file, "--url", proxy.Url);
        await proxy.HeldAsync(0);
        proxy.Release(0);
        await proxy.HeldAsync(1);
        string[] resume = resumes ? ["--resume"] : [];
        KkvResult second = await kkv.RunAsync(["export", prefix, "--file", file, "-o", "json", .. resume]);
        Assert.Equal(ExitCode.Failed, second.ExitCode);
        Assert.Contains("\"code\":\"file_in_use\"", second.Error, StringComparison.Ordinal);
        Assert.Contains($"Another export writes to {file}", second.Error, StringComparison.Ordinal);

        proxy.Release(1);
        TransferFiles.AssertSucceeded(await first);
        StoreCopy.Read(file, out StoreCopy copy);
        TransferFiles.Expected(prefix, 2_500).AssertEquals(copy);
        Assert.False(File.Exists(file + ".part") || File.Exists(file + ".changes"));
    }

    [Fact]
    public async Task Export_WhoseSpoolIsLocked_DoesNotCutThePart()
    {
        using var kkv = new Kkv(fixture.Source);
        string file = kkv.Directory.PathTo("spool.out");
        await File.WriteAllTextAsync(file + ".part", "of another export");
        using (new FileStream(file + ".changes", FileMode.Create, FileAccess.Write, FileShare.None))
            Assert.Equal(ExitCode.Failed, (await kkv.RunAsync("export", "spool:", "--file", file)).ExitCode);
        Assert.Equal("of another export", await File.ReadAllTextAsync(file + ".part"));
    }

    /// <summary>In the shell, the process remains after an interruption: the next attempt must find the file unlocked.</summary>
    [Fact]
    public async Task Resume_Interrupted_UnlocksTheSpool()
    {
        using var data = new DataDirectory();
        string path = data.PathTo("interrupted.changes");
        await File.WriteAllTextAsync(path, """{"version":7}""" + "\n");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ChangeSpool.ResumeAsync(path, new CancellationToken(canceled: true)));
        using ChangeSpool spool = await ChangeSpool.ResumeAsync(path, CancellationToken.None);
        Assert.Equal(7, spool.Position);
    }

    [Fact]
    public async Task Export_Resume_WithAnotherNoExpiry_IsRefused()
    {
        using var kkv = new Kkv(fixture.Source);
        string file = kkv.Directory.PathTo("options.out");
        await File.WriteAllTextAsync(file + ".part", """{"export":{"format":1,"prefix":"b:","version":1,"expiry":true}}""" + "\n");
        await File.WriteAllTextAsync(file + ".changes", """{"version":1}""" + "\n");
        KkvResult result = await kkv.RunAsync("export", "b:", "--file", file, "--resume", "--no-expiry");
        Assert.Equal(ExitCode.Failed, result.ExitCode);
        Assert.Contains("another prefix or other options", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void ExportEnd_AfterALookup_WaitsForTheNewerVersion()
    {
        var end = new ExportEnd();
        end.Require(5);
        Assert.False(end.IsReachedBy(5));
        end.Fix(10);
        Assert.True(end.IsReachedBy(10));
        end.Require(12);
        Assert.False(end.IsReachedBy(11));
        Assert.True(end.IsReachedBy(12));
    }
}
