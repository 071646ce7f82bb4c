using System.Globalization;
using KestrelKv.Protocol;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Documents;

/// <summary>PROTOCOL.md is complete, and its examples are what the server says.</summary>
public sealed class ProtocolTests
{
    private static readonly string Document = Markdown.Read("src", "KestrelKv.Protocol", "PROTOCOL.md");

    [Fact]
    public async Task Examples_Sent_AreAnsweredByteForByte()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);

        // Behind the one that only shows the form of a request, they come in pairs, the last one an error.
        string[] examples = [.. Markdown.Blocks(Document, "json").Skip(1).Select(block => block.Trim())];
        Assert.Equal(7, examples.Length);
        for (int i = 0; i + 1 < examples.Length; i += 2)
            Assert.Equal(examples[i + 1], await client.CallAsync(examples[i]));
        Assert.Equal(examples[^1], await client.CallAsync(Frames.Get(new string('k', 5_000))));
    }

    [Fact]
    public void ErrorCodes_InTheTables_AreAllThatThereAre()
    {
        string[] documented = [.. Markdown.Rows(Document).Select(row => row.First)];
        foreach (ErrorCode code in Enum.GetValues<ErrorCode>().Except([ErrorCode.None, ErrorCode.HttpRequest]))
            Assert.Contains(ErrorCodes.Text(code), documented);

        Assert.All(documented.Where(name => name.Contains('_', StringComparison.Ordinal)),
            name => Assert.Contains(name, Enum.GetValues<ErrorCode>().Select(ErrorCodes.Text)));
    }

    [Fact]
    public void Limits_InTheTable_AreTheDefaults()
    {
        Dictionary<string, string> settings = SettingsFile.Read().ToDictionary();
        var limits = Markdown.Rows(Document).Where(row => settings.ContainsKey(row.First)).ToList();

        Assert.Equal(9, limits.Count);
        Assert.All(limits, row => Assert.Equal(Number(settings[row.First]), Number(row.Second)));

        // "30 seconds", "16,777,216 bytes" and "0 (off)"; and times as the settings spell them.
        static double Number(string text) => TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out TimeSpan time) && text.Contains(':', StringComparison.Ordinal)
            ? time.TotalSeconds
            : double.Parse(text.Split(' ')[0], CultureInfo.InvariantCulture);
    }
}
