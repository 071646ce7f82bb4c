using System.Buffers;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>Reads all that can be read of a damaged data directory, and keeps account of what can't.</summary>
internal sealed class Salvage(IDisk disk) : IDisposable
{
    private const int ChunkBytes = 256 * 1024;

    private readonly Keyspace _entries = new(TimeProvider.System, new EmbeddedStoreOptions());
    private readonly List<string> _givenUp = [];

    /// <summary>All commits up to this one are in a snapshot that is whole.</summary>
    private long _versionOfSnapshot;

    /// <summary>The number in the header of all files.</summary>
    public ulong StoreNumber { get; private set; }

    /// <summary>The last version that was found.</summary>
    public long Version { get; private set; }

    /// <summary>A segment beyond all that there are.</summary>
    private long NextSegment { get; set; } = 1;

    /// <summary>How many keys were found.</summary>
    public long Keys => _entries.Count;

    /// <summary>What could not be read.</summary>
    public IReadOnlyList<string> GivenUp => _givenUp;

    /// <summary>Reads the snapshots, the newest first, until one is whole, and all of the log.</summary>
    /// <exception cref="DataException">There is nothing, or it is of another version of the format.</exception>
    public void Read()
    {
        IReadOnlyList<string> names = disk.List();
        List<long> snapshots = FileNames.Snapshots(names), segments = FileNames.Segments(names);
        if (snapshots.Count + segments.Count == 0) throw new DataException("there are no data files to salvage");
        if (segments.Count > 0) NextSegment = segments[^1] + 1;

        for (int i = snapshots.Count - 1; i >= 0; i--)
        {
            if (!ReadFile(FileNames.OfSnapshot(snapshots[i]))) continue;
            _versionOfSnapshot = snapshots[i];
            break;
        }

        long last = Version;
        foreach (long segment in segments) ReadFile(FileNames.OfSegment(segment));
        if (segments.Count == 0) _givenUp.Add($"All commits after version {last}: the log is missing");
    }

    /// <summary>The end of the snapshot that was written.</summary>
    public SnapshotEnd End { get; private set; }

    /// <summary>Writes what was found as a snapshot.</summary>
    public void Write(IDiskFile file)
    {
        var writer = new SnapshotWriter(file, new FileHeader(FileKind.Snapshot, StoreNumber, Version));
        long count = _entries.CopyEntries(ChunkBytes, writer.WriteEntries);
        End = new SnapshotEnd(Version, count, NextSegment, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        writer.Finish(End);
    }

    /// <inheritdoc/>
    public void Dispose() => _entries.Dispose();

    /// <summary>Reads what can be read of a file.</summary>
    /// <returns>Whether it is whole.</returns>
    private bool ReadFile(string name)
    {
        using IDiskFile file = disk.Open(name);
        Span<byte> header = stackalloc byte[FileHeader.Bytes];
        if (file.Read(header, 0) < FileHeader.Bytes)
        {
            _givenUp.Add($"{name}: all of its {file.Length} bytes");
            return false;
        }

        // Where the header is damaged, but not its checksum, its frames can be read.
        (uint seed, ulong store) = FileHeader.ReadDamaged(header, name);
        if (StoreNumber == 0) StoreNumber = store;
        var scanner = new FrameScanner(file, seed);
        bool isWhole = true, hasEnd = false;
        while (true)
        {
            long offset = scanner.Offset;
            Scan scan = scanner.Next(out FrameHeader frame, out ReadOnlySpan<byte> payload);
            if (scan == Scan.Frame)
            {
                hasEnd |= frame.Kind == FrameKind.SnapshotEnd;
                if (Take(frame, payload)) continue;
                _givenUp.Add($"{name}, offset {offset}: a frame {frame.Kind} {frame.Number} whose contents can't be read");
                isWhole = false;
                continue;
            }

            if (scan == Scan.End && scanner.IsZeroToTheEnd()) return isWhole && hasEnd;
            bool goesOn = scanner.SkipToNextFrame();
            _givenUp.Add($"{name}: {(goesOn ? scanner.Offset : file.Length) - offset} bytes from offset {offset} on ({(scan == Scan.End ? "zeros" : scanner.Reason)})");
            isWhole = false;
            if (!goesOn) return false;
        }
    }

    private bool Take(FrameHeader frame, ReadOnlySpan<byte> payload)
    {
        switch (frame.Kind)
        {
            case FrameKind.Entries or FrameKind.CompressedEntries:
                if (frame.Kind == FrameKind.Entries) return LoadAnew(payload);
                byte[]? entries = Loader.Decompress(frame, payload);
                if (entries is null || !LoadAnew(entries.AsSpan(0, (int)frame.Number))) return false;
                ArrayPool<byte>.Shared.Return(entries);
                return true;
            case FrameKind.Commit:
                if (!Record.TryCount(payload, areEntries: false, out _)) return false;

                // Made again without those after it, it could bring back what these removed.
                if (frame.Number <= _versionOfSnapshot) return true;
                if (frame.Number > Version + 1 && Version > 0) _givenUp.Add($"The commits {Version + 1} to {frame.Number - 1}");
                _entries.Replay(payload, frame.Number);
                Version = Math.Max(Version, frame.Number);
                return true;
            case FrameKind.SnapshotEnd or FrameKind.VersionJump:
                Version = Math.Max(Version, frame.Number);
                return true;
            default:
                return true;
        }
    }

    /// <summary>Entries that may be there already, from another snapshot: the later version stays.</summary>
    private bool LoadAnew(ReadOnlySpan<byte> entries)
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
