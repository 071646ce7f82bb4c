using System.Text.RegularExpressions;

namespace KestrelKv.Testing;

/// <summary>The C# examples of a page. A test file contains them, so that they are compiled and run.</summary>
public static partial class Examples
{
    /// <summary>Fails unless a test file contains each example of a page. White space may differ.</summary>
    /// <param name="page">The path of the page, relative to the root.</param>
    /// <param name="testFile">The path of the test file, relative to the root.</param>
    /// <param name="count">The number of examples of the page.</param>
    /// <param name="replacements">Texts of the page, such as addresses, and the expressions that the test file has instead.</param>
    public static void AssertAreIn(string testFile, string page, int count, params (string Text, string Expression)[] replacements)
    {
        string source = Space().Replace(File.ReadAllText(Repository.PathTo(testFile)), " ");
        string text = File.ReadAllText(Repository.PathTo(page));
        foreach ((string part, string expression) in replacements)
        {
            Assert.Contains(part, text, StringComparison.Ordinal);
            text = text.Replace(part, expression, StringComparison.Ordinal);
        }
        string[] examples = [.. Example().Matches(text).Select(match => match.Groups[1].Value)];
        Assert.Equal(count, examples.Length);
        Assert.All(examples.SelectMany(Parts), example => Assert.Contains(Space().Replace(example, " ").Trim(), source, StringComparison.Ordinal));

        // Directives and types stand elsewhere in the test file than statements. It needs no directive for a namespace around its own.
        IEnumerable<string> Parts(string example)
        {
            string[] elsewhere = [.. Elsewhere().Matches(example).Select(match => match.Value.Trim())];
            return elsewhere.Where(line => !source.Contains($"namespace {line["using ".Length..^1]}.", StringComparison.Ordinal))
                .Append(Elsewhere().Replace(example, ""));
        }
    }

    [GeneratedRegex(@"```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();

    [GeneratedRegex(@"^(using [\w.]+|record .*);\n", RegexOptions.Multiline)]
    private static partial Regex Elsewhere();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
