using System.Globalization;
using System.Text.RegularExpressions;
using KestrelKv.Protocol;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Documents;

/// <summary>PROTOCOL.md is complete, and the server returns the replies of its examples.</summary>
public sealed partial class ProtocolTests
{
    private static readonly string Document = Markdown.Read("src", "KestrelKv.Protocol", "PROTOCOL.md");

    [Fact]
    public async Task Examples_Sent_GetTheirRepliesByteForByte()
    {
        using TestUsersFile users = ExampleUsers();
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);

        // The first two blocks show only the forms of requests and replies. The key of the last error is too long for a document.
        string[] examples = [.. Markdown.Blocks(Document, "json").Skip(2).Select(block => block.Trim())];
        Assert.True(examples.Length > 2 * KestrelKv.Protocol.Functions.All.Count);
        foreach (string example in examples)
        {
            if (example.StartsWith("{\"func\": ", StringComparison.Ordinal)) await client.SendAsync(Frames.Of(example));
            else if (example.Contains("key_too_long", StringComparison.Ordinal)) Assert.Equal(example, await client.CallAsync(Frames.Get(new string('k', 5_000))));
            else AssertSame(example, await client.ReceiveAsync());
        }
    }

    [Fact]
    public async Task PythonExamples_Pasted_PrintTheDocumentedOutput()
    {
        using TestUsersFile users = ExampleUsers();
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);
        string[] blocks = Markdown.Blocks(Document, "python");
        string calls = blocks[1];
        string script = string.Join('\n', blocks).Replace("4444", server.WirePort.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        string printed = await Programs.RunAsync("python3", ["-c", script]);
        Assert.Equal(
            calls.Split('\n').Where(line => line.StartsWith("# ", StringComparison.Ordinal)).Select(line => line[2..]),
            printed.TrimEnd().Split('\n'));
        Assert.All(KestrelKv.Protocol.Functions.All, function => Assert.Contains($"call(\"{function.Name}\"", calls, StringComparison.Ordinal));
    }

    [Fact]
    public void Functions_InTheirSections_HaveTheParametersOfTheParser()
    {
        string common = Assert.Single(Document.Split("\n## "), text => text.StartsWith("Common parameters\n", StringComparison.Ordinal));
        Dictionary<string, string> commonTypes = Markdown.Rows(common).ToDictionary();
        foreach (FunctionInfo function in KestrelKv.Protocol.Functions.All)
        {
            string section = Assert.Single(Document.Split("\n### "), text => text.StartsWith($"{function.Name}\n", StringComparison.Ordinal)).Split("\n## ")[0];
            IEnumerable<string> commonNames = CommonRow().Match(section).Groups["name"].Captures.Select(name => name.Value);
            Assert.Equal(
                function.RequiredParameters.Select(p => (p.Name, p.Type))
                    .Concat(function.OptionalParameters.Select(p => (p.Name, $"{p.Type}, optional"))),
                Markdown.Rows(section).Concat(commonNames.Select(name => (name, commonTypes[name]))));
            if (function.Function != Function.Help)
                Assert.Contains(Markdown.Blocks(section, "json"), block => block.StartsWith($"{{\"func\": \"{function.Name}\"", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Functions_InTheirSections_HaveTheErrorsOfTheTable()
    {
        foreach (FunctionInfo function in KestrelKv.Protocol.Functions.All)
        {
            string section = Assert
                .Single(Document.Split("\n### "), text => text.StartsWith($"{function.Name}\n", StringComparison.Ordinal))
                .Split("\n## ")[0];
            string documented = section.Split("\nErrors: ") is [_, var paragraph] ? paragraph.Split("\n\n")[0] : "";
            IEnumerable<string> codes = Enum.GetValues<ErrorCode>().Select(ErrorCodes.Text)
                .Where(code => documented.Contains($"`{code}`", StringComparison.Ordinal));

            // The errors of BATCH are those of its functions.
            if (function.Function == Function.Batch)
            {
                codes = codes.Union(KestrelKv.Protocol.Functions.All
                    .Where(one => one.Function is >= Function.Get and <= Function.Expire)
                    .SelectMany(one => one.Outcomes).Select(ErrorCodes.Text));
            }
            Assert.Equal(
                (function.Name, string.Join(' ', function.Outcomes.Select(ErrorCodes.Text).Order(StringComparer.Ordinal))),
                (function.Name, string.Join(' ', codes.Order(StringComparer.Ordinal))));
        }
    }

    [Fact]
    public void ErrorCodes_InTheTables_AreComplete()
    {
        string section = Assert.Single(Document.Split("\n## "), text => text.StartsWith("Errors\n", StringComparison.Ordinal));
        Assert.Equal(
            Enum.GetValues<ErrorCode>().Except([ErrorCode.None, ErrorCode.HttpRequest]).Select(ErrorCodes.Text).Order(StringComparer.Ordinal),
            Markdown.Rows(section).Select(row => row.First).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void ErrorCodes_InTheTables_HaveTheirStatus()
    {
        string section = Assert.Single(Document.Split("\n## "), text => text.StartsWith("Errors\n", StringComparison.Ordinal));
        Dictionary<string, ErrorCode> codes = Enum.GetValues<ErrorCode>().ToDictionary(ErrorCodes.Text);
        Assert.All(Markdown.Rows(section), row => Assert.Equal($"{ErrorCodes.Status(codes[row.First])}", row.Second));
    }

    [Fact]
    public void Limits_InTheTable_AreTheDefaults()
    {
        Dictionary<string, string> settings = SettingsFile.Read().ToDictionary();
        var limits = Markdown.Rows(Document).Where(row => settings.ContainsKey(row.First)).ToList();

        Assert.Equal(17, limits.Count);
        Assert.All(limits, row => Assert.Equal(Number(settings[row.First]), Number(row.Second)));

        // Numbers are "30 seconds", "16,777,216 bytes" and "0 (off)". Times are as in the settings.
        static double Number(string text) => TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out TimeSpan time) && text.Contains(':', StringComparison.Ordinal)
            ? time.TotalSeconds
            : double.Parse(text.Split(' ')[0], CultureInfo.InvariantCulture);
    }

    /// <summary>The user of the examples. Clients of this machine may also do everything without it.</summary>
    private static TestUsersFile ExampleUsers() => new($$$"""
        {"version": 1,
         "roles": {"all": {"grants": [{"prefix": "", "allow": ["read", "write", "watch"]}], "server": ["admin"]}},
         "users": {"app": {"roles": ["all"], "secrets": [{"sha256": "{{{TestUsersFile.HashOf(Secret().Match(Document).Value)}}}"}]}},
         "anonymous": {"roles": ["all"], "from": ["127.0.0.1/32", "::1/128"]}}
        """);

    [GeneratedRegex("kkv_[0-9A-Za-z]+")]
    private static partial Regex Secret();

    /// <summary>Asserts that a reply equals its example, byte for byte. Of INFO, whose figures vary, it compares the member names.</summary>
    private static void AssertSame(string example, string? reply)
    {
        if (!example.Contains("\"func\": \"INFO\"", StringComparison.Ordinal)) Assert.Equal(example, reply);
        else Assert.Equal(Names(example), Names(reply!));

        static string Names(string text) => Figures().Replace(text, "$1");
    }

    /// <summary>The last row of a function's parameters: the names of those that the table of common parameters describes.</summary>
    [GeneratedRegex(@"^\| \[common\]\(#common-parameters\) \| \| (?:`(?<name>[a-z_]+)`(?:, | \|$))+", RegexOptions.Multiline)]
    private static partial Regex CommonRow();

    [GeneratedRegex("""("[a-z_]+": )("[A-Za-z0-9.]+"|[0-9]+)""")]
    private static partial Regex Figures();
}
