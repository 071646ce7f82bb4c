namespace KestrelKv.Storage.Embedded;

/// <summary>
/// Keys of the store's own, which no client can name: they begin with a byte that no valid UTF-8 has. Their entries are
/// found in no listing, count, statistic or feed, and not evicted; but they are in the log and in snapshots like all others, and
/// expire like them.
/// </summary>
internal static class HiddenKey
{
    private const byte FirstByte = 0xFF;

    /// <summary>The least of them: what all other keys come before.</summary>
    public static ReadOnlyMemory<byte> First { get; } = new byte[] { FirstByte };

    public static bool Is(ReadOnlySpan<byte> key) => key[0] == FirstByte;

    /// <summary>The key of what is remembered of a request.</summary>
    public static byte[] OfRequest(ReadOnlySpan<byte> requestId) => [FirstByte, .. requestId];
}
