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

    /// <summary>The characters U+0080 to U+009F are control sequences of terminals, as ESC is.</summary>
    [Fact]
    public async Task Get_OnATerminal_EscapesControlCharacters()
    {
        var kkv = new InProcess(fixture.Server);
        await kkv.RunAsync("put", "control", "\"a\u009b31mb\u007fc\u0080\u00a0é\u00c2\"");
        Assert.Equal("\"a\\u009b31mb\\u007fc\\u0080\u00a0é\u00c2\"\n",
            (await new InProcess(fixture.Server) { IsTerminal = true }.RunAsync("get", "control")).Output);
        Assert.Equal("\"a\u009b31mb\u007fc\u0080\u00a0é\u00c2\"\n", (await kkv.RunAsync("get", "control")).Output);
    }

    [Fact]
    public async Task Put_OfAFile_StoresItsText()
    {
        using var kkv = new Kkv(fixture.Server);
        string file = kkv.Directory.PathTo("v.txt");
        const string Text = "# first\n\"two words\" 'x' --ttl 1\n";
        await File.WriteAllTextAsync(file, Text);
        Assert.Equal(ExitCode.Ok, (await kkv.RunAsync("put", "file", "@" + file, "--text")).ExitCode);
        Assert.Equal(System.Text.Json.JsonSerializer.Serialize(Text).Replace("\\u0022", "\\\"", StringComparison.Ordinal)
            .Replace("\\u0027", "'", StringComparison.Ordinal), (await kkv.RunAsync("get", "file", "--raw")).Output);
        await File.WriteAllTextAsync(file, "{\"a b\":\n 1}\n");
        await kkv.RunWithInputAsync($"put file2 @{file}\n");
        Assert.Equal("{\"a b\":\n 1}", (await kkv.RunAsync("get", "file2", "--raw")).Output);
    }

    [Fact]
    public async Task Put_OfTextThatIsNotUtf8_IsRefused()
    {
        using var kkv = new Kkv(fixture.Server);
        string file = kkv.Directory.PathTo("latin");
        await File.WriteAllBytesAsync(file, [0x61, 0xe9, 0x62]);
        KkvResult result = await kkv.RunAsync("put", "latin", "@" + file, "--text");
        Assert.Equal((ExitCode.Usage, "kkv: The text has the byte e9 at offset 1, expected UTF-8.\n"), (result.ExitCode, result.Error));
        Assert.Equal(ExitCode.Absent, (await kkv.RunAsync("get", "latin")).ExitCode);
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
