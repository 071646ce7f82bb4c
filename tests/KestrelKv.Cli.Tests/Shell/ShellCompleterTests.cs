using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Shell;
using KestrelKv.Cli.Shell.Editing;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Client;

namespace KestrelKv.Cli.Tests.Shell;

/// <summary>Completion from the commands of the program, and from a real server.</summary>
public sealed class ShellCompleterTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    [Theory]
    [InlineData("keyst", "keystats ")]
    [InlineData("exi", "exit ")]
    [InlineData("help top", "top ")]
    [InlineData("top --int", "--interval ")]
    [InlineData("top --read", "--read-only ")]
    [InlineData("bench --mix p", "put ")]
    [InlineData("get -o ta", "table ")]
    [InlineData("get complete:a", "complete:a1 |complete:a2 ")]
    [InlineData("get --raw complete:b", "'complete:b with space' ")]
    [InlineData("keystats complete:a", "complete:a1 |complete:a2 ")]
    [InlineData("put complete:a1 c", "")]
    [InlineData("nothing x", "")]
    [InlineData("call GET {\"ob", "\"obj\": ")]
    [InlineData("call SCAN {\"prefix\": \"obj", "")]
    [InlineData("call SCAN {\"prefix\": \"x\", \"de", "\"descending\": |\"delimiter\": ")]
    public async Task Complete_ReturnsWords(string text, string words)
    {
        await using KestrelKvClient client = fixture.Connect();
        foreach (string key in new[] { "complete:a1", "complete:a2", "complete:a\u009b", "complete:a\e[2J", "complete:b with space" }) await client.PutUtf8Async(key, "1"u8.ToArray());
        var completer = new ShellCompleter(new CommandHost(Terminal.OfProcess()).Root, new(client));
        Completions completions = completer.Complete(text, text.Length);
        Assert.Equal(words.Split('|', StringSplitOptions.RemoveEmptyEntries).Order(), completions.Words.Order());
    }

    [Fact]
    public async Task Complete_WithoutAServer_ReturnsNothing()
    {
        await using var client = new KestrelKvClient("kestrelkv://127.0.0.1:1");
        var completer = new ShellCompleter(new CommandHost(Terminal.OfProcess()).Root, new(client));
        Assert.Empty(completer.Complete("get a", 5).Words);
    }
}
