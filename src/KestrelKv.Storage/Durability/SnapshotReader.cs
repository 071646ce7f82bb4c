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
        (FileHeader header, uint seed) = FileHeader.Read(file, name, FileKind.Snapshot);
        var scanner = new LogScanner(file, seed);
        using var loader = new Loader(store);
        long last = header.Number;
        while (true)
        {
            long offset = scanner.Offset;
            Scan scan = scanner.Next(out LogRecordHeader logRecord, out ReadOnlySpan<byte> payload);
            if (scan != Scan.LogRecord)
                throw Damage.At(name, offset, scan == Scan.End ? "the file ends before the end of the snapshot" : scanner.Reason);

            onProgress?.Invoke(scanner.Offset);
            switch (logRecord.Kind)
            {
                case LogRecordKind.Entries or LogRecordKind.CompressedEntries when !loader.HasCommits:
                    loader.Add(name, offset, logRecord, payload);
                    break;
                case LogRecordKind.Commit when logRecord.Number == last + 1:
                    last++;
                    loader.Add(name, offset, logRecord, payload);
                    break;
                case LogRecordKind.SnapshotEnd when logRecord.PayloadBytes == SnapshotEnd.PayloadBytes && logRecord.Number == last:
                    long entries = loader.Finish();
                    SnapshotEnd end = SnapshotEnd.Read(logRecord.Number, payload);
                    if (entries != end.Entries)
                        throw Damage.At(name, offset, $"the snapshot has {entries} entries, expected {end.Entries}");
                    if (scanner.Offset != file.Length) throw Damage.At(name, scanner.Offset, "data follows the end of the snapshot");
                    return (header, end);
                default:
                    throw Damage.At(name, offset, $"unexpected record {logRecord.Kind} {logRecord.Number}");
            }
        }
    }
}
