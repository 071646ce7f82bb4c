using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>The files that exports and backups replace, or refuse to.</summary>
public sealed class ResultFileTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Theory]
    [InlineData("export", "-f")]
    [InlineData("backup")]
    public async Task File_IsAPipe_IsRefusedAndRemains(params string[] command)
    {
        using var kkv = new Kkv(fixture.Server);
        string pipe = kkv.Directory.PathTo("pipe");
        await Programs.RunAsync("mkfifo", [pipe]);
        KkvResult result = await kkv.RunAsync([.. command, pipe]);
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains("is a device or a pipe, expected the name of a regular file", result.Error, StringComparison.Ordinal);
        await Programs.RunAsync("test", ["-p", pipe]);
    }

    [Theory]
    [InlineData("export", "-f")]
    [InlineData("backup")]
    public async Task File_IsALink_RemainsAndItsTargetIsReplaced(params string[] command)
    {
        using var kkv = new Kkv(fixture.Server);
        (string link, string target) = (kkv.Directory.PathTo("link"), kkv.Directory.PathTo("target"));
        await File.WriteAllTextAsync(target, "old");
        File.CreateSymbolicLink(link, target);
        Assert.Equal(ExitCode.Ok, (await kkv.RunAsync([.. command, link])).ExitCode);
        Assert.Equal(target, new FileInfo(link).LinkTarget);
        Assert.NotEqual("old", await File.ReadAllTextAsync(target));
    }

    [Fact]
    public async Task File_IsADirectory_IsRefused()
    {
        using var kkv = new Kkv(fixture.Server);
        KkvResult result = await kkv.RunAsync("export", "-f", kkv.Directory.FullPath);
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains("is a directory", result.Error, StringComparison.Ordinal);
    }
}
