using System.Text.RegularExpressions;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Documents;

/// <summary>Links in the documents lead to a file or directory of the repository, and to a heading where they have an anchor.</summary>
public sealed partial class LinkTests
{
    public static TheoryData<string> Documents() => [.. RepositoryText.Documents()];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_InADocument_HaveTargets(string document) => Assert.Empty(DeadLinks(document, Markdown.Read(document)));

    [Theory]
    [InlineData("[a](src/NOWHERE.md)")]
    [InlineData("[a](LICENSE)\n[b](src/ARCHITECTURE.md#no-such-heading)")]
    [InlineData("[a](#no-such-heading)")]
    [InlineData("[a](../README.md)")]
    public void DeadLinks_OfADeadLink_ReportsIt(string text) => Assert.Single(DeadLinks("README.md", text));

    [Fact]
    public void DeadLinks_OfLiveLinks_IsEmpty() =>
        Assert.Empty(DeadLinks("README.md", "# Some `code`, twice\n# Some `code`, twice\n[a](#some-code-twice-1) [b](LICENSE) [c](src/) [d](https://example.com/x)"));

    private static IEnumerable<string> DeadLinks(string document, string text)
    {
        string folder = Path.GetDirectoryName(Repository.PathTo(document))!;
        foreach (Match link in Link().Matches(CodeBlock().Replace(text, "")))
        {
            string[] parts = link.Groups["target"].Value.Split('#', 2);
            string path = Path.GetFullPath(Path.Combine(folder, parts[0]));
            bool exists = path.StartsWith(Repository.PathTo(), StringComparison.Ordinal) && (File.Exists(path) || Directory.Exists(path));
            if (!exists) yield return link.Value;
            else if (parts.Length > 1 && !Anchors(parts[0].Length == 0 ? text : File.ReadAllText(path)).Contains(parts[1])) yield return link.Value;
        }
    }

    /// <summary>The anchors that GitHub makes of headings: repeated ones get a number.</summary>
    private static HashSet<string> Anchors(string text)
    {
        HashSet<string> anchors = [];
        foreach (Match heading in Heading().Matches(CodeBlock().Replace(text, "")))
        {
            string anchor = NotInAnchors().Replace(heading.Groups["text"].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-');
            for (int i = 0; !anchors.Add(i == 0 ? anchor : $"{anchor}-{i}");) i++;
        }
        return anchors;
    }

    [GeneratedRegex(@"\[[^\]]*\]\((?!\w+:)(?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^```.*?^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"^#+ (?<text>.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();
}
