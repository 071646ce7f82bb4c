using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Shell;

/// <summary>The shell in a process, on a pseudo-terminal and in a pipe.</summary>
public sealed class ShellTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private string Prompt => $"127.0.0.1:{fixture.Server.WirePort}> ";

    [Fact]
    public async Task Terminal_EditsCompletesAndRemembers()
    {
        using var kkv = new Kkv(fixture.Server);
        string history = kkv.Directory.PathTo("history");
        kkv["KKV_HISTORY"] = history;
        await using (var shell = new TerminalProcess(kkv, "--no-color"))
        {
            await shell.WaitAsync(Prompt);
            await shell.TypeAsync("put long:key {\"x\":\r", "... ");
            await shell.TypeAsync("\"😀 你\"}\r", "ok, version");
            await shell.TypeAsync("ge\t", "get ");
            await shell.TypeAsync("lo\t", "get long:key ");
            await shell.TypeAsync("\r", "😀 你");
            await shell.WaitAsync(Prompt);
            await shell.TypeAsync("get missing\r", "is missing");
            await shell.TypeAsync("user add somebody\r", Prompt);
            await shell.WaitAsync(Prompt);
            await shell.TypeAsync("abc\x03", Prompt);
            await shell.TypeAsync("exit\r", "exit");
            Assert.Equal(ExitCode.Ok, await shell.EndAsync());
        }
        Assert.Equal(["put long:key {\"x\":\\n\"😀 你\"}", "get long:key ", "get missing", "exit"], await File.ReadAllLinesAsync(history));
        await using var next = new TerminalProcess(kkv, "--no-color");
        await next.WaitAsync(Prompt);
        await next.TypeAsync("\x12long", "get long:key");
        await next.TypeAsync("\r", "😀 你");
        await next.WaitAsync(Prompt);
        await next.TypeAsync("\x04", "\n");
        Assert.Equal(ExitCode.Ok, await next.EndAsync());
    }

    [Fact]
    public async Task Terminal_CtrlC_EndsTheCommandAndNotTheShell()
    {
        using var kkv = new Kkv(fixture.Server);
        kkv["KKV_HISTORY"] = kkv.Directory.PathTo("history");
        await using var shell = new TerminalProcess(kkv, "--no-color");
        await shell.WaitAsync(Prompt);
        await shell.TypeAsync("top -o ndjson --interval 0.2\r", "\"source\": \"metrics\"".Replace(": ", ":", StringComparison.Ordinal));
        await shell.TypeAsync("\x03", Prompt);
        await shell.TypeAsync("top --interval 60\r", "Waiting for the first interval");
        await shell.TypeAsync("q", Prompt);
        await shell.TypeAsync("put after 12\r", "ok, version");
    }

    [Theory]
    [InlineData("TERM", "143", "")]
    [InlineData("HUP", "129", "")]
    [InlineData("TERM", "143", "watch none:\r")]
    public async Task Terminal_Signal_RestoresTheTerminal(string signal, string code, string command)
    {
        using var kkv = new Kkv(fixture.Server);
        kkv["KKV_HISTORY"] = kkv.Directory.PathTo("history");
        string file = kkv.Directory.PathTo("state");
        string script = $"stty -g > {file}; sh -c 'echo $$ > {file}.pid; exec kkv'; echo $? > {file}.code; stty -g > {file}.after; tty > /dev/null";
        await using var shell = new TerminalProcess(kkv.StartProgram("script", ["--quiet", "--return", "--command", script, "/dev/null"]));
        await shell.WaitAsync("\e[?2004h");
        await shell.TypeAsync("count\r", "\e[?2004h");
        if (command.Length > 0)
        {
            await shell.TypeAsync(command, "\e[?2004l");
            await Wait.UntilAsync(WatchesAsync, () => "the watch does not open");
        }
        string process = (await File.ReadAllTextAsync(file + ".pid")).Trim();
        await Programs.RunAsync("kill", ["-s", signal, process]);
        await shell.EndAsync();
        Assert.Equal(code, (await File.ReadAllTextAsync(file + ".code")).Trim());
        Assert.Equal(await File.ReadAllTextAsync(file), await File.ReadAllTextAsync(file + ".after"));
        Assert.DoesNotContain("\e[?2004h", shell.Output.Split("\e[?2004l")[^1], StringComparison.Ordinal);

        async Task<bool> WatchesAsync() => (await new InProcess(fixture.Server).RunAsync("info"))
            .Output.Contains("\"watches\":1", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\e[200~", "\e[201~")]
    [InlineData("", "")]
    public async Task Terminal_Paste_IsDrawnOnce(string begin, string end)
    {
        using var kkv = new Kkv(fixture.Server);
        kkv["KKV_HISTORY"] = kkv.Directory.PathTo("history");
        await using var shell = new TerminalProcess(kkv, "--no-color");
        await shell.WaitAsync("\e[?2004h");
        string text = new('x', 100_000);
        int before = shell.Output.Length;
        await shell.TypeAsync($"{begin}put pasted {{\"text\":\r\"{text}\"}}{end}\r", "ok, version");
        Assert.InRange(shell.Output.Length - before, text.Length, text.Length * (end.Length > 0 ? 4 : 40));
        Assert.Equal($"{{\"text\":\n\"{text}\"}}", (await kkv.RunAsync("get", "pasted", "--raw")).Output);
    }

    [Fact]
    public async Task Terminal_Paste_InsertsKeysAsText()
    {
        using var kkv = new Kkv(fixture.Server);
        kkv["KKV_HISTORY"] = kkv.Directory.PathTo("history");
        await using var shell = new TerminalProcess(kkv, "--no-color");
        await shell.WaitAsync("\e[?2004h");
        await shell.TypeAsync("put lines \e[200~{\"a\":\t1,\r\"b\": 2}\r\e[201~", "2}");
        Assert.DoesNotContain("ok", shell.Output, StringComparison.Ordinal);
        await shell.TypeAsync("\r", "ok, version");
        await shell.TypeAsync("\e[A\x01\e[3~\e[3~\e[3~del\r", "\e[?2004l"); // Other sequences are keys.
        Assert.Equal("{\"a\":\t1,\n\"b\": 2}", (await kkv.RunAsync("get", "lines", "--raw")).Output);
    }

    [Fact]
    public async Task Terminal_WithoutControlSequences_ReadsLines()
    {
        using var kkv = new Kkv(fixture.Server) { ["TERM"] = "dumb" };
        await using var shell = new TerminalProcess(kkv);
        await shell.WaitAsync(Prompt);
        await shell.TypeAsync("put dumb {\n", "... ");
        await shell.TypeAsync("}\n", "ok, version");
        await shell.TypeAsync("exit\n");
        Assert.Equal(ExitCode.Ok, await shell.EndAsync());
        Assert.DoesNotContain("\e", shell.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Terminal_LostServer_IsReportedAndTheShellStays()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using var kkv = new Kkv(server);
        kkv["KKV_HISTORY"] = kkv.Directory.PathTo("history");
        await using var shell = new TerminalProcess(kkv, "--no-color");
        await shell.WaitAsync("> ");
        await shell.TypeAsync("put a 1\r", "ok, version");
        server.Kill();
        await server.WaitForExitAsync();
        await shell.TypeAsync("get a\r", "kkv: ");
        await shell.WaitAsync("> ");
        await shell.TypeAsync($"get b -u kestrelkv://127.0.0.1:{fixture.Server.WirePort}\r", "is missing");
    }

    [Fact]
    public async Task Pipe_ExecutesLines_AndReturnsTheLastFailure()
    {
        using var kkv = new Kkv(fixture.Server);
        const string Commands = """
            # A comment.
            put pipe {"x": [1,
              2]}
            get pipe --raw
            get missing
            put pipe 3 --if-absent
            get pipe -o json
            """;
        KkvResult result = await kkv.RunWithInputAsync(Commands + "\n");
        Assert.Equal(ExitCode.PreconditionFailed, result.ExitCode);
        Assert.Contains("\n{\"x\": [1,\n  2]}{\"key\":\"pipe\",\"found\":true,\"value\":{\"x\":[1,2]}", result.Output, StringComparison.Ordinal);
        Assert.Equal(["kkv: The key \"missing\" is missing.", .. result.Error.Split('\n')[1..]], result.Error.Split('\n'));
        Assert.DoesNotContain("> ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pipe_ReadOnly_AppliesToAllLines()
    {
        using var kkv = new Kkv(fixture.Server);
        KkvResult result =
            await kkv.RunWithInputAsync($"put a 1\nput a 1 -u kestrelkv://127.0.0.1:{fixture.Server.WirePort}\nexit\nget a\n", "--read-only");
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Equal(2, result.Error.Split("read-only").Length / 2);
        Assert.Empty(result.Output);
    }
}
