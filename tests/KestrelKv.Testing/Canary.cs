namespace KestrelKv.Testing;

/// <summary>
/// Secrets and values that the server must not disclose. The log of every server that tests start, every scrape and every error of a client
/// is searched for them.
/// </summary>
public static class Canary
{
    /// <summary>A part of a value.</summary>
    public const string Value = "canary-7f3a";

    /// <summary>Fails if a text contains the value, or the beginning of a secret.</summary>
    /// <param name="text">The text.</param>
    /// <param name="source">Where the text is from.</param>
    public static void AssertAbsent(string text, string source)
    {
        foreach (string canary in (string[])[Value, "kkv_"])
        {
            int at = text.IndexOf(canary, StringComparison.Ordinal);
            Assert.True(at < 0, at < 0 ? "" : $"{source} discloses a secret or a value: {text[Math.Max(0, at - 200)..Math.Min(text.Length, at + 80)]}");
        }
    }
}
