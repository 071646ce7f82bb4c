using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>Reads snapshots into a store, or only validates them.</summary>
internal static class SnapshotReader
{
    /// <summary>Reads a complete snapshot. <paramref name="onProgress"/> receives the number of bytes read so far.</summary>
    /// <exception cref="DataException">The snapshot is damaged.</exception>
    public static (FileHeader Header, SnapshotEnd End) Read(IDiskFile file, string name, Keyspace? store, Action<long>? onProgress = null)
    {
        var records = new SnapshotRecords(file, name);
        using var loader = new Loader(store);
        while (records.TryNext(out LogRecordHeader logRecord, out ReadOnlySpan<byte> payload))
        {
            onProgress?.Invoke(records.BytesRead);
            loader.Add(name, records.Offset, logRecord, payload);
        }
        records.CheckEntries(loader.Finish());
        return (records.Header, records.End);
    }
}
