using System.CommandLine;
using System.Diagnostics;
using System.Text.RegularExpressions;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Shell;
using KestrelKv.Cli.Tests.Hosting;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Documents;

/// <summary>The shell examples of the page of the tool are run on a terminal. Their comments are the output.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string Page = File.ReadAllText(Repository.PathTo("src", "KestrelKv.Cli", "README.md"));

    [Fact]
    public async Task Examples_OnANewServer_PrintTheirComments()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using var kkv = new Kkv(server) { ["NO_COLOR"] = "1" };

        // The others have no output to compare.
        string[] examples =
            [.. Example().Matches(Page).Select(match => match.Groups[1].Value).Where(text => text.Contains("\n# ", StringComparison.Ordinal))];
        Assert.Equal(4, examples.Length);
        foreach (string example in examples)
        {
            string expected =
                string.Concat(example.Split('\n').Where(line => line.StartsWith("# ", StringComparison.Ordinal)).Select(line => line[2..] + "\n"));
            Assert.Equal(expected, await RunAsync(kkv, example));
        }
    }

    /// <summary>Runs a script on a terminal. Returns the output, without control sequences and without the names of files.</summary>
    private static async Task<string> RunAsync(Kkv kkv, string text)
    {
        string script = kkv.Directory.PathTo("example.sh");
        await File.WriteAllTextAsync(script, text);
        using Process terminal = kkv.StartProgram("script", ["--quiet", "--return", "--command", $"stty cols 120; bash -e '{script}'", "/dev/null"]);
        KkvResult result = await Kkv.EndAsync(terminal);
        Assert.Equal(0, result.ExitCode);
        return Message()
            .Replace(result.Output.Replace("\r\n", "\n", StringComparison.Ordinal).Replace("\e[?1h\e=", "", StringComparison.Ordinal), "");
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("TRANSFER.md")]
    public void Commands_InTheExamples_AreValid(string page)
    {
        string text = File.ReadAllText(Repository.PathTo("src", "KestrelKv.Cli", page));
        RootCommand root = new CommandHost(Terminal.OfProcess()).Root;
        string[] commands = [.. Example().Matches(text).SelectMany(match => Command().Matches(match.Groups[1].Value)).Select(match => match.Groups[1].Value.Trim())];
        Assert.True(commands.Length > 10);
        Assert.All(commands, command => Assert.Empty(root.Parse(ShellWords.Split(command).Arguments()).Errors));
    }

    [Fact]
    public void Commands_OfThePage_AreThoseOfTheProgram()
    {
        string[] commands = [.. new CommandHost(Terminal.OfProcess()).Root.Subcommands.Select(command => command.Name)];
        Assert.All(commands, command => Assert.Matches($"(?m)^\\| `{command}[ `]", Page));
    }

    [GeneratedRegex(@"```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();

    [GeneratedRegex(@"^(?:.*\| )?kkv ((?:'[^']*'|[^|#<\n'])*)", RegexOptions.Multiline)]
    private static partial Regex Command();

    // The messages about contexts name a file of the test.
    [GeneratedRegex("^The context .*\n", RegexOptions.Multiline)]
    private static partial Regex Message();
}
