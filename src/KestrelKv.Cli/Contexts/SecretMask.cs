using System.Text.RegularExpressions;

namespace KestrelKv.Cli.Contexts;

/// <summary>Hides the secret of a connection string.</summary>
internal static partial class SecretMask
{
    /// <summary>Returns a connection string, of either form, in which <c>***</c> replaces the secret.</summary>
    public static string Of(string url) => url.IndexOf('=', StringComparison.Ordinal) is var equals and >= 0 && equals < SchemeEnd(url)
        ? InPairs().Replace(url, "$1***")
        : InQuery().Replace(InUrl().Replace(url, "$1***$2"), "$1***");

    /// <summary>Returns the index of the end of a scheme. A text with a name before it, as in the client, is a list of pairs.</summary>
    private static int SchemeEnd(string url) => url.IndexOf("://", StringComparison.Ordinal) is >= 0 and var end ? end : int.MaxValue;

    [GeneratedRegex("^([a-z]+://[^:@/]*:)[^@/]*(@)", RegexOptions.IgnoreCase)]
    private static partial Regex InUrl();

    [GeneratedRegex(@"([?&]\s*secret\s*=)[^&]*", RegexOptions.IgnoreCase)]
    private static partial Regex InQuery();

    [GeneratedRegex(@"((?:^|;)\s*secret\s*=)[^;]*", RegexOptions.IgnoreCase)]
    private static partial Regex InPairs();
}
