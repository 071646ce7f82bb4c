using System.Text.RegularExpressions;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Documents;

/// <summary>Code blocks and tables of the repository's documents.</summary>
internal static partial class Markdown
{
    public static string Read(params string[] path) => File.ReadAllText(Repository.PathTo(path));

    /// <summary>Returns the code blocks of a language, in order.</summary>
    public static string[] Blocks(string document, string language) =>
        [.. FencedBlock().Matches(document).Where(m => m.Groups["language"].Value == language).Select(m => m.Groups["code"].Value)];

    /// <summary>Returns the first two columns of all table rows whose first column is in code font, without backticks.</summary>
    public static (string First, string Second)[] Rows(string document) =>
        [.. TableRow().Matches(document).Select(m => (m.Groups["first"].Value, m.Groups["second"].Value.Trim('`')))];

    [GeneratedRegex(@"^```(?<language>\w*)\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex FencedBlock();

    [GeneratedRegex(@"^\| `(?<first>[^`]+)` \| (?<second>[^|]*) \|", RegexOptions.Multiline)]
    private static partial Regex TableRow();
}
