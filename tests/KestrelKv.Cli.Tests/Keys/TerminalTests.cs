using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Keys;

/// <summary>The program on a pseudo-terminal.</summary>
public sealed class TerminalTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Theory]
    [InlineData(false, "\e[36m1.0\e[0m\r\n")]
    [InlineData(true, "1.0\r\n")]
    public async Task Output_OnATerminal_HasColorsUnlessTheUserWantsNone(bool noColor, string expected)
    {
        using var kkv = new Kkv(fixture.Server);
        if (noColor) kkv["NO_COLOR"] = "1";
        await kkv.RunAsync("put", "number", "1.0");
        Assert.Equal(expected, (await kkv.RunInTerminalAsync("", "get", "number")).Output);
        Assert.Equal("1.0\n", (await kkv.RunAsync("get", "number")).Output);
        Assert.DoesNotContain("\e", (await kkv.RunAsync("scan", "-o", "table")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Table_OnATerminal_IsCutAtItsWidth()
    {
        using var kkv = new Kkv(fixture.Server);
        await kkv.RunAsync("put", "wide", "\"" + new string('x', 500) + "\"");
        KkvResult result = await kkv.RunInTerminalAsync("", "scan", "wide", "--values", "--no-color");
        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.DoesNotContain("\e", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("xxx…\r\n", result.Output, StringComparison.Ordinal);
        Assert.All(result.Output.Split("\r\n"), line => Assert.True(line.Length <= 120, line));
    }

    [Fact]
    public async Task Errors_OnATerminal_AreText()
    {
        using var kkv = new Kkv(fixture.Server);
        Assert.Equal((ExitCode.Absent, "kkv: The key \"missing\" is missing.\r\n"), Of(await kkv.RunInTerminalAsync("", "get", "missing")));
        Assert.Equal((ExitCode.Usage, "kkv: The command nope does not exist. See kkv --help.\r\n"), Of(await kkv.RunInTerminalAsync("", "nope")));

        static (int ExitCode, string Output) Of(KkvResult result) => (result.ExitCode, result.Output);
    }

    [Theory]
    [InlineData("dumb", "scan")]
    [InlineData("dumb", "--help")]
    [InlineData("", "--help")]
    [InlineData("dumb", "keystats")]
    [InlineData("dumb", "top", "--count", "1", "--interval", "0.1")]
    [InlineData("", "get", "number")]
    [InlineData("xterm", "put", "--help")]
    public async Task Output_OfATerminalWithoutControlSequences_HasNone(string term, params string[] command)
    {
        using var kkv = new Kkv(fixture.Server) { ["TERM"] = term };
        await kkv.RunAsync("put", "number", "1.0");
        KkvResult result = await kkv.RunInTerminalAsync("", command);
        Assert.Equal(ExitCode.Ok, result.ExitCode);
        Assert.NotEqual("", result.Output);
        Assert.DoesNotContain("\e", result.Output, StringComparison.Ordinal);
        if (command[0] == "top") Assert.StartsWith("{\"time\":", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ping", "--count", "1000")]
    [InlineData("watch", "none:")]
    [InlineData("put", "never")]
    public async Task CtrlC_DuringACommand_EndsItWithoutAStackTrace(params string[] command)
    {
        using var kkv = new Kkv(fixture.Server);
        await using var terminal = new TerminalProcess(kkv, command);

        // The program handles the signal from the time at which the command runs.
        if (command[0] != "watch") await Wait.UntilAsync(() => terminal.Output.Length > 0, () => "the command prints nothing");
        else await Wait.UntilAsync(WatchesAsync, () => "the watch does not open");
        await terminal.TypeAsync("\x03");
        Assert.Equal(ExitCode.Interrupted, await terminal.EndAsync());
        Assert.DoesNotContain("   at ", terminal.Output, StringComparison.Ordinal);

        async Task<bool> WatchesAsync() => (await new InProcess(fixture.Server).RunAsync("info"))
            .Output.Contains("\"watches\":1", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kkv get pipe:1 2>&3", ExitCode.Absent, "")] // Standard error is not the result.
    [InlineData("kkv put pipe:1 1 -o table 2>&3", ExitCode.Ok, "")]
    [InlineData("kkv scan >&3", ExitCode.Ok, "")]
    [InlineData("kkv --help >&3", ExitCode.Ok, "")]
    [InlineData("kkv count > /dev/full", ExitCode.Failed, "kkv: The standard output cannot be written: No space left on device")]
    [InlineData("kkv get pipe:2 -o json > /dev/full", ExitCode.Failed, "{\"error\":{\"code\":\"io\",\"message\":\"The standard output cannot be written: No space left on device")]
    [InlineData("kkv --help > /dev/full", ExitCode.Failed, "kkv: The standard output cannot be written: No space left on device")]
    [InlineData("kkv get pipe:1 2> /dev/full", ExitCode.Absent, "")]
    public async Task Output_ThatCannotBeWritten_HasAnExitCode(string command, int exitCode, string error)
    {
        using var kkv = new Kkv(fixture.Server);
        await kkv.RunAsync("del", "pipe:1");
        using var shell = kkv.StartProgram("bash", ["-c", $"exec 3> >(exit); wait $!; {command}"]); // The reader of 3 has ended.
        KkvResult result = await Kkv.EndAsync(shell);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.StartsWith(error, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Output_ToAFileAfterOtherOutput_IsAppended()
    {
        using var kkv = new Kkv(fixture.Server);
        await kkv.RunAsync("put", "file", "1.0");
        string path = kkv.Directory.PathTo("out");
        using var shell =
            kkv.StartProgram("bash", ["-c", "(echo first; kkv get file; kkv get file; kkv get none; echo last) > \"$1\" 2>&1", "bash", path]);
        await Kkv.EndAsync(shell);
        Assert.Equal("first\n1.0\n1.0\nkkv: The key \"none\" is missing.\nlast\n", await File.ReadAllTextAsync(path));
    }
}
