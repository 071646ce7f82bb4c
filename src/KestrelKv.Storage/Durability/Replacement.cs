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
            Replace(header.Store, end.Version, end.Segment);
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
    /// <param name="version">Its version.</param>
    /// <param name="segment">The segment in which the log goes on after it.</param>
    public void Replace(ulong store, long version, long segment)
    {
        if (!_disk.List().Contains(FileNames.Replacing)) _disk.Create(FileNames.Replacing).Dispose();
        _disk.SyncNames();

        foreach (string name in _disk.List())
        {
            if (!name.EndsWith(FileNames.SegmentEnding, StringComparison.Ordinal) && !name.EndsWith(FileNames.SnapshotEnding, StringComparison.Ordinal)) continue;
            _disk.MoveTo(_name, name);
            _moved.Add(name);
        }
        _disk.SyncNames();

        // The snapshot last: as long as it has its other name, all this can be done again.
        SegmentFiles.Create(_disk, store, segment, SegmentFiles.FirstBytes).Dispose();
        _disk.Rename(UnfinishedName, FileNames.OfSnapshot(version));
        _disk.SyncNames();
        End();
    }

    /// <summary>Where the old files are.</summary>
    public IEnumerable<string> Report() => _moved.Count > 0
        ? [$"The files that were there are in {_disk.PathOf(_name)}; delete it when you no longer need them"]
        : [];

    private void End()
    {
        _disk.Delete(FileNames.Replacing);
        _disk.SyncNames();
    }
}
