namespace KestrelKv.Client.Replies;

internal static class JsonDepth
{
    /// <summary>The deepest nesting of a reply: the server's largest setting for values, and the levels around them.</summary>
    public const int Max = 100_000;
}
