namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>The difference between the entries before and after a group, as columns of rows.</summary>
internal sealed class GroupChanges
{
    public List<(byte[] Key, byte[] Value, long Version, long ExpiresAt)> Puts { get; } = [];

    /// <summary>Entries whose value remains: new expiries, and expiries that reads have extended, which keep their version.</summary>
    public List<(byte[] Key, long Version, long ExpiresAt)> Updates { get; } = [];

    public List<byte[]> Deletes { get; } = [];

    /// <summary>The growth of the store's totals.</summary>
    public long Keys { get; set; }

    public long Bytes { get; set; }

    public long RequestIds { get; set; }

    public bool IsEmpty => Puts.Count + Updates.Count + Deletes.Count == 0;
}
