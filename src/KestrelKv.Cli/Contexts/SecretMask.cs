using System.Text.RegularExpressions;

namespace KestrelKv.Cli.Contexts;

/// <summary>Hides the secret of a connection string.</summary>
internal static partial class SecretMask
{
    /// <summary>Returns a connection string, of either form, in which <c>***</c> replaces the secret.</summary>
    public static string Of(string url) => InPairs().Replace(InUrl().Replace(url, "$1***$2"), "$1***");

    [GeneratedRegex("^([a-z]+://[^:@/]*:)[^@/]*(@)", RegexOptions.IgnoreCase)]
    private static partial Regex InUrl();

    [GeneratedRegex(@"((?:^|[?&;])\s*secret\s*=)[^&;]*", RegexOptions.IgnoreCase)]
    private static partial Regex InPairs();
}
