using System.Text.RegularExpressions;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Documents;

/// <summary>The texts of the repository that people read: documents and comments.</summary>
internal static partial class RepositoryText
{
    private static readonly string[] Ignored = ["bin", "obj", "node_modules", ".git", "data"];

    /// <summary>The paths of all Markdown files, relative to the root.</summary>
    public static IEnumerable<string> Documents() => Files("*.md");

    /// <summary>The prose of a document with line numbers: without code blocks and code spans.</summary>
    public static IEnumerable<(int Line, string Text)> Prose(string document)
    {
        bool isCode = false;
        foreach ((int index, string line) in Markdown.Read(document).Split('\n').Index())
        {
            if (line.StartsWith("```", StringComparison.Ordinal)) isCode = !isCode;
            else if (!isCode) yield return (index + 1, CodeSpan().Replace(line, "`"));
        }
    }

    /// <summary>All comments of the C# sources, with their places.</summary>
    public static IEnumerable<(string Place, string Text)> Comments() =>
        from path in Files("*.cs")
        from line in File.ReadLines(Repository.PathTo(path)).Index()
        where line.Item.AsSpan().TrimStart().StartsWith("//")
        select ($"{path}:{line.Index + 1}", CodeTag().Replace(line.Item, ""));

    private static IEnumerable<string> Files(string pattern) =>
        from path in Directory.EnumerateFiles(Repository.PathTo(), pattern, SearchOption.AllDirectories)
        let relative = Path.GetRelativePath(Repository.PathTo(), path)
        where !relative.Split('/', '\\').Intersect(Ignored).Any()
        orderby relative
        select relative.Replace('\\', '/');

    [GeneratedRegex("`[^`]*`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"<c>.*?</c>|cref=""[^""]*""|name=""[^""]*""|""[^""]*""")]
    private static partial Regex CodeTag();
}
