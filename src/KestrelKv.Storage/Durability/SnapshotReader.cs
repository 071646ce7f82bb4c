using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>Reads snapshots: into a store, or just to see whether they are whole.</summary>
internal static class SnapshotReader
{
    /// <summary>Reads a snapshot as a whole.</summary>
    /// <param name="file">Its file.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <param name="store">A store that has nothing yet and takes what the snapshot has; null to only check it.</param>
    /// <param name="onProgress">Is told after each frame how many bytes are read.</param>
    /// <exception cref="DataException">It is damaged.</exception>
    public static (FileHeader Header, SnapshotEnd End) Read(IDiskFile file, string name, Keyspace? store, Action<long>? onProgress = null)
    {
        (FileHeader header, uint seed) = FileHeader.Read(file, name, FileKind.Snapshot);
        var scanner = new FrameScanner(file, seed);
        using var loader = new Loader(store);
        long last = header.Number;
        while (true)
        {
            long offset = scanner.Offset;
            Scan scan = scanner.Next(out FrameHeader frame, out ReadOnlySpan<byte> payload);
            if (scan != Scan.Frame)
                throw Damage.At(name, offset, scan == Scan.End ? "the file ends before its last frame" : scanner.Reason);

            onProgress?.Invoke(scanner.Offset);
            switch (frame.Kind)
            {
                case FrameKind.Entries or FrameKind.CompressedEntries when !loader.HasCommits:
                    loader.Add(name, offset, frame, payload);
                    break;
                case FrameKind.Commit when frame.Number == last + 1:
                    last++;
                    loader.Add(name, offset, frame, payload);
                    break;
                case FrameKind.SnapshotEnd when frame.PayloadBytes == SnapshotEnd.PayloadBytes && frame.Number == last:
                    long entries = loader.Finish();
                    SnapshotEnd end = SnapshotEnd.Read(frame.Number, payload);
                    if (entries != end.Entries) throw Damage.At(name, offset, $"it has {entries} entries, expected {end.Entries}");
                    if (scanner.Offset != file.Length) throw Damage.At(name, scanner.Offset, "there is more behind its last frame");
                    return (header, end);
                default:
                    throw Damage.At(name, offset, $"a frame {frame.Kind} {frame.Number} is not expected here");
            }
        }
    }
}
