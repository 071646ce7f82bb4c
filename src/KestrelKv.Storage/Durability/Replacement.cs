using System.Buffers.Binary;
using System.Globalization;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>
/// Replaces all data files by a snapshot, and moves the old files to a subdirectory. While it runs, a marker file prevents the start of
/// a server. An interrupted replacement is completed by running it again.
/// </summary>
internal sealed class Replacement
{
    private const string UnfinishedName = "replacement" + FileNames.Unfinished;
    private const string WritingName = "replacement-writing" + FileNames.Unfinished;

    private readonly FileDisk _disk;
    private readonly string _name;
    private readonly List<string> _moved = [];

    /// <summary>The file that is being moved. If its move fails, it may be in either directory.</summary>
    private string? _moving;
    private bool _hasBegun;

    public Replacement(FileDisk disk, string what)
    {
        _disk = disk;
        _name = $"before-{what}-{DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture)}";
    }

    /// <summary>Whether a replacement was interrupted. Its snapshot is then complete, and no other file can be relied on.</summary>
    public static bool IsInterrupted(FileDisk disk) => disk.List().Contains(FileNames.Replacing);

    /// <summary>Completes an interrupted replacement.</summary>
    public void Resume()
    {
        if (_disk.List().Contains(UnfinishedName))
        {
            using IDiskFile file = _disk.Open(UnfinishedName);
            (FileHeader header, SnapshotEnd end) = SnapshotReader.Read(file, UnfinishedName, store: null);
            Replace(header.Store, end);
        }
        else
        {
            // Only the last step is missing.
            if (FileNames.Snapshots(_disk.List()).Count == 0)
                throw new DataException("the snapshot of the interrupted restore is missing; run the restore again");
            End();
        }
    }

    /// <summary>
    /// Writes the snapshot. The old files remain in place, and so does the snapshot of an interrupted replacement until this one is whole.
    /// </summary>
    public void Write(Action<IDiskFile> write)
    {
        if (_disk.List().Contains(WritingName)) _disk.Delete(WritingName);
        using (IDiskFile file = _disk.Create(WritingName))
        {
            write(file);
            file.Sync();
        }
        _disk.Rename(WritingName, UnfinishedName);
        _disk.SyncNames();
    }

    /// <summary>Replaces the old files by the snapshot with this store number and end.</summary>
    /// <exception cref="DataException">The disk failed. The message states which files were moved, and how to continue.</exception>
    public void Replace(ulong store, SnapshotEnd end)
    {
        try
        {
            ReplaceFiles(store, end);
        }
        catch (Exception e) when (_hasBegun && e is IOException or UnauthorizedAccessException)
        {
            if (_moving is not null && File.Exists(Path.Combine(_disk.PathOf(_name), _moving))) _moved.Add(_moving);
            string moved = _moved.Count == 0
                ? "no data file was moved"
                : $"these data files were moved to {_disk.PathOf(_name)}: {string.Join(", ", _moved)}";
            throw new DataException(
                $"the data directory {_disk.PathOf("")} is only partly replaced: {e.Message}; {moved}; " +
                "run the command again before the next start of the server", e);
        }
    }

    private void ReplaceFiles(ulong store, SnapshotEnd end)
    {
        long start = VersionRange.After(Math.Max(end.Version, Begin()), DateTimeOffset.UtcNow);
        _hasBegun = true;

        foreach (string name in _disk.List())
        {
            if (!name.EndsWith(FileNames.SegmentEnding, StringComparison.Ordinal) &&
                !name.EndsWith(FileNames.SnapshotEnding, StringComparison.Ordinal)) continue;

            _moving = name;
            _disk.MoveTo(_name, name);
            _moved.Add(name);
            _moving = null;
        }
        _disk.SyncNames();

        // The snapshot is renamed last: until then all steps can be repeated.
        using (Segment log = SegmentFiles.Create(_disk, store, end.Segment, SegmentFiles.FirstBytes))
        {
            VersionJump.WithoutHistory(start).Write(log.File, FileHeader.Bytes, log.Seed, log.Seed);
            log.File.Sync();
        }
        _disk.Rename(UnfinishedName, FileNames.OfSnapshot(end.Version));
        _disk.SyncNames();
        End();
    }

    /// <summary>Returns the location of the old files, as lines of a report.</summary>
    public IEnumerable<string> Report() => _moved.Count > 0
        ? [$"The old files are in {_disk.PathOf(_name)}; delete this directory when they are no longer needed"]
        : [];

    /// <summary>Creates the marker file that prevents the start of a server. Returns the greatest version in the old files.</summary>
    private long Begin()
    {
        long known = KnownVersions.Greatest(_disk);
        if (_disk.List().Contains(FileNames.Replacing))
        {
            // The interrupted attempt may have moved old files. It recorded their greatest version before.
            using IDiskFile begun = _disk.Open(FileNames.Replacing);
            Span<byte> bytes = stackalloc byte[sizeof(long)];
            if (begun.Read(bytes, 0) == bytes.Length) known = Math.Max(known, BinaryPrimitives.ReadInt64LittleEndian(bytes));
        }
        else
        {
            using IDiskFile begun = _disk.Create(FileNames.Replacing);
            Span<byte> bytes = stackalloc byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, known);
            begun.Write(bytes, 0);
            begun.Sync();
        }
        _disk.SyncNames();
        return known;
    }

    private void End()
    {
        _disk.Delete(FileNames.Replacing);
        _disk.SyncNames();
    }
}
