using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Hosting;

/// <summary>The program, compiled ahead of time.</summary>
public sealed class NativeProgramTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task Program_CompiledAheadOfTime_Works()
    {
        using var directory = new DataDirectory();
        string program = await NativeProgram.PublishAsync(directory, "src", "KestrelKv.Cli");
        string[] url = ["--url", $"kestrelkv://127.0.0.1:{fixture.Server.WirePort}", "--http", fixture.Server.Admin.ToString()];

        Assert.Equal("", await RunAsync("put", "native:1", "{\"n\": 1.0}", "-o", "table"));
        Assert.Equal("{\"n\": 1.0}", await RunAsync("get", "native:1", "--raw"));
        Assert.Equal("KEY       VERSION  EXPIRES\nnative:1  1        never\n", await RunAsync("scan", "native:", "-o", "table"));
        Assert.Contains("\"keys\":1", await RunAsync("keystats", "-o", "json"), StringComparison.Ordinal);
        Assert.Contains("\"connections\":", await RunAsync("top", "--count", "1", "--interval", "0.2"), StringComparison.Ordinal);
        string exported = directory.PathTo("export.ndjson");
        await RunAsync("export", "native:", "--file", exported);
        Assert.Contains("\"n\": 1.0", await File.ReadAllTextAsync(exported), StringComparison.Ordinal);
        await RunAsync("import", exported);
        Assert.Equal("1\n", await RunAsync("count", "native:"));
        await RunAsync("backup", directory.PathTo("backup.snapshot"));

        Task<string> RunAsync(params string[] args) => Programs.RunAsync(Path.Combine(program, "kkv"), [.. args, .. url]);
    }
}
