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
