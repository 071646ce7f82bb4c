using System.Buffers;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>Reads all readable data of a damaged data directory, and records what is lost.</summary>
internal sealed class Salvage(IDisk disk) : IDisposable
{
    private const int ChunkBytes = 256 * 1024;

    private readonly Keyspace _entries = new(TimeProvider.System, new EmbeddedStoreOptions());
    private readonly List<string> _lost = [];

    /// <summary>The version of the newest valid snapshot, which contains all commits up to it.</summary>
    private long _versionOfSnapshot;

    /// <summary>The store number in the header of all files.</summary>
    public ulong StoreNumber { get; private set; }

    /// <summary>The greatest version found.</summary>
    public long Version { get; private set; }

    /// <summary>The number after the last segment.</summary>
    private long NextSegment { get; set; } = 1;

    public long Keys => _entries.Count;

    /// <summary>Descriptions of the data that is lost.</summary>
    public IReadOnlyList<string> LostData => _lost;

    /// <summary>Reads the snapshots, the newest first, until one is valid, and then the whole log.</summary>
    /// <exception cref="DataException">There are no data files, or they have another format version.</exception>
    public void Read()
    {
        IReadOnlyList<string> names = disk.List();
        List<long> snapshots = FileNames.Snapshots(names), segments = FileNames.Segments(names);
        if (snapshots.Count + segments.Count == 0) throw new DataException("the data directory has no data files to salvage");
        if (segments.Count > 0) NextSegment = segments[^1] + 1;

        for (int i = snapshots.Count - 1; i >= 0; i--)
        {
            if (!ReadFile(FileNames.OfSnapshot(snapshots[i]))) continue;
            _versionOfSnapshot = snapshots[i];
            break;
        }

        long last = Version;
        foreach (long segment in segments) ReadFile(FileNames.OfSegment(segment));
        if (segments.Count == 0) _lost.Add($"All commits after version {last}: the log is missing");
    }

    public SnapshotEnd End { get; private set; }

    public void Write(IDiskFile file)
    {
        var writer = new SnapshotWriter(file, new FileHeader(FileKind.Snapshot, StoreNumber, Version));
        long count = _entries.CopyEntries(ChunkBytes, writer.WriteEntries);
        End = new SnapshotEnd(Version, count, NextSegment, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        writer.Finish(End);
    }

    public void Dispose() => _entries.Dispose();

    /// <summary>Reads all readable data of a file. Returns whether it is a complete and valid snapshot.</summary>
    private bool ReadFile(string name)
    {
        using IDiskFile file = disk.Open(name);
        Span<byte> header = stackalloc byte[FileHeader.Bytes];
        if (file.Read(header, 0) < FileHeader.Bytes)
        {
            _lost.Add($"{name}: all {file.Length} bytes");
            return false;
        }

        // If the header is damaged but its checksum is not, the records of the file can still be read.
        (uint seed, ulong store) = FileHeader.ReadDamaged(header, name);
        if (StoreNumber == 0) StoreNumber = store;
        var scanner = new LogScanner(file, seed);
        bool isWhole = true, hasEnd = false;
        while (true)
        {
            long offset = scanner.Offset;
            Scan scan = scanner.Next(out LogRecordHeader logRecord, out ReadOnlySpan<byte> payload);
            if (scan == Scan.LogRecord)
            {
                hasEnd |= logRecord.Kind == LogRecordKind.SnapshotEnd;
                if (Apply(logRecord, payload)) continue;
                _lost.Add($"{name}, offset {offset}: the contents of the record {logRecord.Kind} {logRecord.Number}");
                isWhole = false;
                continue;
            }

            if (scan == Scan.End && scanner.HasOnlyZerosLeft()) return isWhole && hasEnd;
            bool found = scanner.SkipToNextRecord();
            long end = found ? scanner.Offset : file.Length;
            _lost.Add($"{name}: {end - offset} bytes from offset {offset} ({(scan == Scan.End ? "zeros" : scanner.Reason)})");
            isWhole = false;
            if (!found) return false;
        }
    }

    private bool Apply(LogRecordHeader logRecord, ReadOnlySpan<byte> payload)
    {
        switch (logRecord.Kind)
        {
            case LogRecordKind.Entries or LogRecordKind.CompressedEntries:
                if (logRecord.Kind == LogRecordKind.Entries) return LoadEntries(payload);
                byte[]? entries = Loader.Decompress(logRecord, payload);
                if (entries is null || !LoadEntries(entries.AsSpan(0, (int)logRecord.Number))) return false;
                ArrayPool<byte>.Shared.Return(entries);
                return true;
            case LogRecordKind.Commit:
                if (!Record.TryCount(payload, areEntries: false, out _)) return false;

                // The snapshot contains this commit. Replayed without the commits after it, it could restore entries that these
                // removed.
                if (logRecord.Number <= _versionOfSnapshot) return true;
                if (logRecord.Number > Version + 1 && Version > 0) _lost.Add($"Commits {Version + 1} to {logRecord.Number - 1}");
                _entries.Replay(payload, logRecord.Number);
                Version = Math.Max(Version, logRecord.Number);
                return true;
            case LogRecordKind.SnapshotEnd or LogRecordKind.VersionJump:
                Version = Math.Max(Version, logRecord.Number);
                return true;
            default:
                return true;
        }
    }

    /// <summary>Loads entries that may already exist from another snapshot. The later version wins.</summary>
    private bool LoadEntries(ReadOnlySpan<byte> entries)
    {
        if (!Record.TryCount(entries, areEntries: true, out _)) return false;
        while (!entries.IsEmpty)
        {
            ReadOnlySpan<byte> start = entries;
            Record.TryRead(ref entries, out Record record);
            _entries.Replay(start[..^entries.Length], record.Version);
            Version = Math.Max(Version, record.Version);
        }
        return true;
    }
}
