using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;

namespace KestrelKv.Cli.Tests.Keys;

/// <summary>Values are stored and printed byte for byte.</summary>
public sealed class ValueTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private const string Value = """{"n":1.0,"e": 1E+2,"s":"é\u00e9","a":[ ],"o":{}}""";

    [Fact]
    public async Task Get_Raw_PrintsTheExactBytes()
    {
        using var kkv = new Kkv(fixture.Server);
        Assert.Equal(ExitCode.Ok, (await kkv.RunAsync("put", "raw", Value)).ExitCode);
        Assert.Equal(new(ExitCode.Ok, Value, ""), await kkv.RunAsync("get", "raw", "--raw"));
        Assert.Equal(new(ExitCode.Ok, Value + "\n", ""), await kkv.RunAsync("get", "raw"));
    }

    [Fact]
    public async Task Get_OnATerminal_IndentsAndKeepsNumbers()
    {
        using var kkv = new Kkv(fixture.Server);
        await kkv.RunWithInputAsync(Value, "put", "terminal");
        KkvResult result = await kkv.RunInTerminalAsync("", "get", "terminal", "--no-color");
        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.Equal("""
            {
              "n": 1.0,
              "e": 1E+2,
              "s": "é\u00e9",
              "a": [],
              "o": {}
            }

            """, result.Output.Replace("\r\n", "\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Get_OfAMissingKey_ReportsIt()
    {
        using var kkv = new Kkv(fixture.Server);
        Assert.Equal(new(ExitCode.Absent, "", "kkv: The key \"missing\" is missing.\n"), await kkv.RunAsync("get", "missing"));
        Assert.Equal(new(ExitCode.Absent, """{"key":"missing","found":false}""" + "\n", ""), await kkv.RunAsync("get", "missing", "-o", "json"));
    }

    [Fact]
    public async Task Get_WithoutAServer_FailsAtOnce()
    {
        using var kkv = new Kkv();
        KkvResult result = await kkv.RunAsync("get", "key", "--url", "kestrelkv://127.0.0.1:1");
        Assert.Equal(ExitCode.Unreachable, result.ExitCode);
        Assert.Contains("127.0.0.1:1", result.Error, StringComparison.Ordinal);
    }
}
