using System.Diagnostics;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;

namespace KestrelKv.Cli.Tests.Completion;

public sealed class CompletionTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    /// <summary>The help of an argument that is completed must not list the completions.</summary>
    [Fact]
    public async Task Help_OfCompletedArguments_NamesThem()
    {
        using var kkv = new Kkv(fixture.Server);
        await kkv.RunAsync("put", "user:1", "1");
        KkvResult help = await kkv.RunAsync("--help");
        Assert.Contains("get <key> ", help.Output, StringComparison.Ordinal);
        Assert.Contains("scan <prefix> ", help.Output, StringComparison.Ordinal);
        Assert.Contains("call <function> <params> ", help.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("user:1", help.Output, StringComparison.Ordinal);
        Assert.Contains("use <name>", (await kkv.RunAsync("context", "--help")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bash_CompletesCommandsOptionsAndKeys()
    {
        using var kkv = new Kkv(fixture.Server) { ["KKV_COMPLETION_TIMEOUT"] = "60" };
        var server = new InProcess(fixture.Server);
        foreach (string key in (string[])["user:1", "user:two words", "line\nfeed", "-dash"]) await server.RunAsync("put", "--", key, "1");
        Assert.Equal("""
            <scan>
            <--delimiter><--descending>
            <user:1><user:two\ words>
            <1><two\ words>
            <user>
            <>

            """, await CompleteAsync(kkv, "kkv sc", "kkv scan --de", "kkv get ", "kkv get user:", "kkv us", "kkv --url kestrelkv://127.0.0.1:1 get u"));
    }

    /// <summary>A word that begins with @ is not the name of a file with arguments.</summary>
    [Fact]
    public async Task Keys_ThatBeginWithAt_AreKeys()
    {
        using var kkv = new Kkv(fixture.Server) { ["KKV_COMPLETION_TIMEOUT"] = "60" };
        string file = kkv.Directory.PathTo("old"), key = "@" + file;
        await File.WriteAllTextAsync(file, "at:1 at:2");
        await kkv.RunAsync("put", "at:1", "1");
        await kkv.RunAsync("put", key, "2");
        string line = $"kkv get @{file[..^1]}";
        Assert.Equal(key, (await kkv.RunAsync($"[suggest:{line.Length}]", line)).Output.Trim());
        line = $"kkv get @{file}";
        Assert.Equal(key, (await kkv.RunAsync($"[suggest:{line.Length}]", line)).Output.Trim());
        Assert.Equal("2\n", (await kkv.RunAsync("get", key)).Output);
        Assert.Equal(ExitCode.Ok, (await kkv.RunAsync("del", key)).ExitCode);
        Assert.Equal(ExitCode.Ok, (await kkv.RunAsync("del", "at:1")).ExitCode); // The file names it, and the arguments did not.
    }

    [Theory]
    [InlineData("zsh", "compdef _kkv kkv")]
    [InlineData("fish", "complete --command kkv")]
    [InlineData("powershell", "Register-ArgumentCompleter -Native -CommandName kkv")]
    public async Task Script_OfEveryShell_IsPrinted(string shell, string part)
    {
        KkvResult result = await new InProcess("").RunAsync("completion", shell);
        Assert.Equal((ExitCode.Ok, ""), (result.ExitCode, result.Error));
        Assert.Contains(part, result.Output, StringComparison.Ordinal);
        Assert.Contains("[suggest:", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Script_OfAnotherShell_IsAUsageError() =>
        Assert.Equal(ExitCode.Usage, (await new InProcess("").RunAsync("completion", "tcsh")).ExitCode);

    /// <summary>Loads the script in a bash, and prints what it completes for command lines with the cursor at the end.</summary>
    private static async Task<string> CompleteAsync(Kkv kkv, params string[] lines)
    {
        const string Script = """
            source <(kkv completion bash)
            for COMP_LINE; do
                COMP_POINT=${#COMP_LINE} COMP_WORDS=(kkv)
                _kkv
                printf '<%s>' "${COMPREPLY[@]}"
                echo
            done
            """;
        using Process bash = kkv.StartProgram("bash", ["-c", Script, "bash", .. lines]);
        return (await Kkv.EndAsync(bash)).Output;
    }
}
