namespace KestrelKv.Storage.Commits;

/// <summary>
/// Keys of the store's own, which no client can name: they begin with a byte that no valid UTF-8 has. Their entries are not in
/// listings, counts, statistics and feeds, and are not evicted. They are in the log and in snapshots and expire like all others.
/// </summary>
internal static class InternalKey
{
    private const byte FirstByte = 0xFF;

    /// <summary>The least internal key, which is greater than all other keys.</summary>
    public static ReadOnlyMemory<byte> First { get; } = new byte[] { FirstByte };

    public static bool Is(ReadOnlySpan<byte> key) => key[0] == FirstByte;

    /// <summary>The key of the idempotency record of a request.</summary>
    public static byte[] OfRequest(ReadOnlySpan<byte> requestId) => [FirstByte, .. requestId];
}
