using System.Buffers.Binary;
using System.Globalization;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>
/// Puts a snapshot in the place of all that a data directory has; the files that were there go to a directory in it. While
/// that goes on a file tells so, and no server starts: done again, it comes to its end.
/// </summary>
internal sealed class Replacement
{
    private const string UnfinishedName = "replacement" + FileNames.Unfinished;

    private readonly FileDisk _disk;
    private readonly string _name;
    private readonly List<string> _moved = [];

    /// <param name="disk">The data directory.</param>
    /// <param name="what">What is being done, for the name of the directory with the old files.</param>
    public Replacement(FileDisk disk, string what)
    {
        _disk = disk;
        _name = $"before-{what}-{DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture)}";
    }

    /// <summary>Whether one was begun that has not come to its end: its snapshot is whole, and nothing else can be relied on.</summary>
    public static bool IsInterrupted(FileDisk disk) => disk.List().Contains(FileNames.Replacing);

    /// <summary>Brings one to its end that was interrupted.</summary>
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
            // All was done but this; unless it was begun anew, and had not come far enough.
            if (FileNames.Snapshots(_disk.List()).Count == 0) throw new DataException("the snapshot that was to be restored is not there; do the restore again");
            End();
        }
    }

    /// <summary>Writes the snapshot, with the old files still in their place.</summary>
    public void Write(Action<IDiskFile> write)
    {
        if (_disk.List().Contains(UnfinishedName)) _disk.Delete(UnfinishedName);
        using IDiskFile file = _disk.Create(UnfinishedName);
        write(file);
        file.Sync();
    }

    /// <summary>Puts it into the place of the old files.</summary>
    /// <param name="store">The number in the header of its file.</param>
    /// <param name="end">Its end.</param>
    public void Replace(ulong store, SnapshotEnd end)
    {
        long start = VersionRange.After(Math.Max(end.Version, Begin()), DateTimeOffset.UtcNow);

        foreach (string name in _disk.List())
        {
            if (!name.EndsWith(FileNames.SegmentEnding, StringComparison.Ordinal) && !name.EndsWith(FileNames.SnapshotEnding, StringComparison.Ordinal)) continue;
            _disk.MoveTo(_name, name);
            _moved.Add(name);
        }
        _disk.SyncNames();

        // The snapshot last: as long as it has its other name, all this can be done again.
        using (Segment log = SegmentFiles.Create(_disk, store, end.Segment, SegmentFiles.FirstBytes))
        {
            VersionJump.WithoutPast(start).Write(log.File, FileHeader.Bytes, log.Seed, log.Seed);
            log.File.Sync();
        }
        _disk.Rename(UnfinishedName, FileNames.OfSnapshot(end.Version));
        _disk.SyncNames();
        End();
    }

    /// <summary>Where the old files are.</summary>
    public IEnumerable<string> Report() => _moved.Count > 0
        ? [$"The files that were there are in {_disk.PathOf(_name)}; delete it when you no longer need them"]
        : [];

    /// <summary>From now on no server starts before this has come to its end.</summary>
    /// <returns>The greatest version that the old files know of.</returns>
    private long Begin()
    {
        long known = KnownVersions.Greatest(_disk);
        if (_disk.List().Contains(FileNames.Replacing))
        {
            // Some of the old files may have been moved by then.
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
