namespace KestrelKv.Storage.Commits;

/// <summary>
/// Keys that only the store uses. They begin with a byte that valid UTF-8 never contains, so no client can name them. Their entries are
/// excluded from listings, counts, statistics, feeds and eviction. They are in the log and in snapshots, and expire like all other
/// entries.
/// </summary>
internal static class InternalKey
{
    private const byte FirstByte = 0xFF;

    /// <summary>The lowest internal key, which is greater than all client keys.</summary>
    public static ReadOnlyMemory<byte> First { get; } = new byte[] { FirstByte };

    public static bool Is(ReadOnlySpan<byte> key) => key[0] == FirstByte;

    /// <summary>Writes the key of the idempotency record of a request, one byte longer than the id, and returns its length.</summary>
    public static int WriteOfRequest(ReadOnlySpan<byte> requestId, Span<byte> to)
    {
        to[0] = FirstByte;
        requestId.CopyTo(to[1..]);
        return 1 + requestId.Length;
    }
}
