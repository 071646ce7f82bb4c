using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Contexts;

public sealed class ContextCommandTests : IDisposable
{
    private readonly DataDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Contexts_AreSavedSelectedShownAndRemoved()
    {
        string file = _directory.PathTo("kkv/contexts.json");
        var kkv = new InProcess("", file);
        Assert.Equal(new(ExitCode.Ok, "", $"The context dev is saved in {file}, and is current.\n"),
            await kkv.RunAsync("context", "add", "dev", "kestrelkv://localhost"));
        Assert.Equal(ExitCode.Ok, (await kkv.RunWithInputAsync(
            "Host=db;User=app;Secret=hidden;Tls=true\n", "context", "add", "prod", "-", "--read-only", "--http", "http://db:8080")).ExitCode);
        Assert.Equal("""
            {"name":"dev","current":true,"url":"kestrelkv://localhost","http":null,"read_only":false}
            {"name":"prod","current":false,"url":"Host=db;User=app;Secret=***;Tls=true","http":"http://db:8080","read_only":true}

            """, (await kkv.RunAsync("context", "list")).Output);
        await kkv.RunAsync("context", "use", "prod");
        Assert.Equal(ExitCode.Usage, (await kkv.RunAsync("put", "k", "1")).ExitCode);
        Assert.Contains("Secret=hidden", (await kkv.RunAsync("context", "show", "--secrets")).Output, StringComparison.Ordinal);
        Assert.Equal("""
            CURRENT  NAME  URL                    HTTP  ACCESS
                     dev   kestrelkv://localhost

            """, (await new InProcess("", file) { IsTerminal = true }.RunAsync("context", "show", "dev")).Output);
        Assert.Equal(ExitCode.Ok, (await kkv.RunAsync("context", "remove", "prod")).ExitCode);
        Assert.Equal(ExitCode.Absent, (await kkv.RunAsync("context", "show")).ExitCode);
        Assert.Equal(new(ExitCode.Usage, "", "kkv: There is no context \"prod\", expected one of dev.\n"),
            await kkv.RunAsync("get", "k", "--context", "prod"));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Theory]
    [InlineData("kestrelkvs://app:s3:cr%40t@db:4445?Timeout=5", "kestrelkvs://app:***@db:4445?Timeout=5")]
    [InlineData("kestrelkv://db?user=a&secret=b&timeout=5", "kestrelkv://db?user=a&secret=***&timeout=5")]
    [InlineData("Secret=b", "Secret=***")]
    [InlineData("Host=db;Secret=a&b?c=d;Timeout=5", "Host=db;Secret=***;Timeout=5")]
    [InlineData("Secret=a://b&c;Host=db", "Secret=***;Host=db")]
    [InlineData("kestrelkv://db?secret=a;b&timeout=5", "kestrelkv://db?secret=***&timeout=5")]
    [InlineData("kestrelkv://db", "kestrelkv://db")]
    public void SecretMask_HidesTheSecret(string url, string masked) => Assert.Equal(masked, KestrelKv.Cli.Contexts.SecretMask.Of(url));

    [Fact]
    public async Task Add_OfAnInvalidUrl_IsRefused()
    {
        KkvResult result = await new InProcess("", _directory.PathTo("c.json")).RunAsync("context", "add", "x", "Bad=1");
        Assert.Equal((ExitCode.Usage, false), (result.ExitCode, File.Exists(_directory.PathTo("c.json"))));
    }
}
