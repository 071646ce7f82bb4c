using System.Text.RegularExpressions;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Tests.Hosting;

namespace KestrelKv.Cli.Tests.Keys;

/// <summary>Edits with editors that are shell commands. The file is their last argument.</summary>
public sealed class EditCommandTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Fact]
    public async Task Edit_ChangesTheValue_AndKeepsExpiryAndNumbers()
    {
        using var kkv = KkvWith("sed -i s/Ada/Eve/");
        await kkv.RunAsync("put", "e:1", """{"name":"Ada","n":1.0}""", "--expires-at", "4102444800");
        Assert.Equal(ExitCode.Ok, (await kkv.RunAsync("edit", "e:1")).ExitCode);
        string entry = (await kkv.RunAsync("get", "e:1", "-o", "json")).Output;
        Assert.Contains("""{"name":"Eve","n":1.0}""", entry, StringComparison.Ordinal);
        Assert.Contains("4102444800", entry, StringComparison.Ordinal);
        Assert.Equal(new(ExitCode.Ok, "", "Nothing was changed.\n"), await kkv.RunAsync("edit", "e:1"));
    }

    [Fact]
    public async Task Edit_OfAPart_OrAMissingKey_Works()
    {
        using var kkv = KkvWith("sed -i s/null/12/");
        await kkv.RunAsync("put", "e:2", """{"a":null}""");
        await kkv.RunAsync("edit", "e:2", "--path", "/a");
        Assert.Equal("{\"a\":12}\n", (await kkv.RunAsync("get", "e:2")).Output);
        await kkv.RunAsync("edit", "e:3");
        Assert.Equal("12\n", (await kkv.RunAsync("get", "e:3")).Output);
        Assert.Equal(ExitCode.Absent, (await kkv.RunAsync("edit", "e:2", "--path", "/x")).ExitCode);
    }

    [Fact]
    public async Task Edit_OnAConflict_KeepsTheText()
    {
        using var kkv = KkvWith("kkv put e:4 5 >&2; f() { stat -c %a $1 $(dirname $1); echo 7 > $1; }; f");
        await kkv.RunAsync("put", "e:4", "1");
        KkvResult result = await kkv.RunAsync("edit", "e:4");
        Assert.Equal((ExitCode.PreconditionFailed, "600\n700\n"), (result.ExitCode, result.Output));
        Match kept = Regex.Match(result.Error, "kkv: Another client has changed \"e:4\"; nothing was written. The edited text is in (.*).\n$");
        Assert.True(kept.Success, result.Error);
        Assert.Equal("7\n", await File.ReadAllTextAsync(kept.Groups[1].Value));
        Directory.Delete(Path.GetDirectoryName(kept.Groups[1].Value)!, recursive: true);
        Assert.Equal("5\n", (await kkv.RunAsync("get", "e:4")).Output);
    }

    [Fact]
    public async Task Edit_OfInvalidJsonOnATerminal_OffersToEditAgain()
    {
        using var kkv = KkvWith("f() { if grep -q broken $1; then echo 8 > $1; else echo broken > $1; fi; }; f");
        await kkv.RunAsync("put", "e:5", "1");
        KkvResult result = await kkv.RunInTerminalAsync("y\n", "edit", "e:5");
        Assert.Contains("is not JSON", result.Output, StringComparison.Ordinal);
        Assert.Contains("Edit it again? [Y/n]", result.Output, StringComparison.Ordinal);
        Assert.Equal("8\n", (await kkv.RunAsync("get", "e:5")).Output);
    }

    [Theory]
    [InlineData("f() { echo { > $1; }; f", ExitCode.Failed, "The text is not JSON; nothing was changed. The edited text is in ")]
    [InlineData("exit 3;", ExitCode.Failed, "exited with 3; nothing was changed")]
    public async Task Edit_ThatFails_ChangesNothing(string editor, int exitCode, string message)
    {
        using var kkv = KkvWith(editor);
        await kkv.RunAsync("put", "e:6", "1");
        KkvResult result = await kkv.RunAsync("edit", "e:6");
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.Equal("1\n", (await kkv.RunAsync("get", "e:6")).Output);
        if (Regex.Match(result.Error, "is in (.*).\n$") is { Success: true } kept)
            Directory.Delete(Path.GetDirectoryName(kept.Groups[1].Value)!, recursive: true);
    }

    [Fact]
    public async Task Edit_WithAnEditorThatFails_KeepsTheChangedText()
    {
        using var kkv = KkvWith("f() { echo 7 > $1; exit 3; }; f");
        await kkv.RunAsync("put", "e:7", "1");
        KkvResult result = await kkv.RunAsync("edit", "e:7");
        Assert.Equal((ExitCode.Failed, "7\n"), (result.ExitCode, TakeKept(result.Error)));
    }

    [Fact]
    public async Task CtrlC_WhileTheEditorIsOpen_KeepsTheChangedText()
    {
        using var kkv = KkvWith("f() { echo 7 > $1; echo ready; exec sleep 60; }; f");
        await kkv.RunAsync("put", "e:8", "1");
        await using var terminal = new TerminalProcess(kkv, "edit", "e:8");
        await terminal.WaitAsync("ready");
        await terminal.TypeAsync("\x03");
        Assert.Equal(ExitCode.Interrupted, await terminal.EndAsync());
        Assert.Equal("7\n", TakeKept(terminal.Output.Replace("\r", "", StringComparison.Ordinal)));
        Assert.Equal("1\n", (await kkv.RunAsync("get", "e:8")).Output);
    }

    [Fact]
    public async Task CtrlC_ThatTheEditorHandles_IsForTheEditor()
    {
        using var kkv = KkvWith("f() { trap 'echo trapped' INT; echo ready; until read x; do :; done; echo 7 > $1; }; f");
        await kkv.RunAsync("put", "e:9", "1");
        await using var terminal = new TerminalProcess(kkv, "edit", "e:9");
        await terminal.WaitAsync("ready");
        await terminal.TypeAsync("\x03", "trapped");
        await terminal.TypeAsync("x\n", "ok, version");
        Assert.Equal(ExitCode.Ok, await terminal.EndAsync());
        Assert.Equal("7\n", (await kkv.RunAsync("get", "e:9")).Output);
    }

    [Theory]
    [InlineData("\x03", ExitCode.Interrupted)]
    [InlineData("n\n", ExitCode.Failed)]
    public async Task Edit_OfInvalidJsonThatIsAbandoned_KeepsTheText(string answer, int exitCode)
    {
        using var kkv = KkvWith("f() { echo broken > $1; }; f");
        await using var terminal = new TerminalProcess(kkv, "edit", "e:10");
        await terminal.WaitAsync("Edit it again? [Y/n]");
        await terminal.TypeAsync(answer);
        Assert.Equal(exitCode, await terminal.EndAsync());
        Assert.Equal("broken\n", TakeKept(terminal.Output.Replace("\r", "", StringComparison.Ordinal)));
    }

    /// <summary>Returns the text of the kept file, and deletes it.</summary>
    private static string TakeKept(string error)
    {
        Match kept = Regex.Match(error, "The edited text is in (.*)\\.\n");
        Assert.True(kept.Success, error);
        string text = File.ReadAllText(kept.Groups[1].Value);
        Directory.Delete(Path.GetDirectoryName(kept.Groups[1].Value)!, recursive: true);
        return text;
    }

    private Kkv KkvWith(string editor)
    {
        var kkv = new Kkv(fixture.Server) { ["EDITOR"] = editor };
        kkv["VISUAL"] = "";
        return kkv;
    }
}
