using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>
/// Verifies that the data directory, and each file in it that a start needs, is still there under its name. Writes to a file
/// without a name succeed, and so do syncs, but no start finds them.
/// </summary>
/// <param name="disk">The directory.</param>
/// <param name="path">Its path, for messages.</param>
/// <param name="files">The segment that is written to, and those after it.</param>
/// <param name="kept">The segments before it.</param>
/// <param name="snapshots">The snapshot that a start begins with.</param>
internal sealed class DirectoryCheck(IDisk disk, string path, SegmentFiles files, KeptSegments kept, Snapshots snapshots)
{
    /// <exception cref="IOException">Something is not there.</exception>
    public void Run()
    {
        try
        {
            disk.Verify();
            HashSet<string> needed = Needed();
            needed.ExceptWith(disk.List());
            if (needed.Count == 0) return;

            // A file may have been created, or deleted by its right, since: one that is needed before and after has to be there.
            needed.IntersectWith(Needed());
            if (needed.Count > 0)
                throw new IOException($"{needed.Min(StringComparer.Ordinal)} is not in the data directory {Path.GetFullPath(path)} any more, and a start needs it");
        }
        catch (DiskFullException)
        {
            // Too many files are open to look. The next look is in a second.
        }
    }

    private HashSet<string> Needed()
    {
        HashSet<string> names = [.. kept.Needed().Concat(files.Numbers()).Select(FileNames.OfSegment)];
        if (snapshots.Last is { } snapshot) names.Add(FileNames.OfSnapshot(snapshot.Version));
        return names;
    }
}
