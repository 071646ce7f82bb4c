using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>
/// Verifies that the data directory, and each file that a start needs, still exists under its name. Writes to and syncs of a deleted
/// file succeed, but no start finds the data.
/// </summary>
internal sealed class DirectoryCheck(IDisk disk, string path, SegmentFiles files, RetainedSegments kept, Snapshots snapshots)
{
    /// <exception cref="IOException">The directory or a file is missing.</exception>
    public void Run()
    {
        try
        {
            disk.Verify();
            HashSet<string> needed = Needed();
            needed.ExceptWith(disk.List());
            if (needed.Count == 0) return;

            // Files may have been created or deleted meanwhile. A file that is needed before and after the listing must exist.
            needed.IntersectWith(Needed());
            if (needed.Count > 0)
            {
                throw new IOException(
                    $"{needed.Min(StringComparer.Ordinal)}, which a start needs, is missing from the data directory " +
                    $"{Path.GetFullPath(path)}");
            }
        }
        catch (DiskFullException)
        {
            // Too many files are open to list the directory. The next check retries.
        }
    }

    private HashSet<string> Needed()
    {
        HashSet<string> names = [.. kept.Needed().Concat(files.Numbers()).Select(FileNames.OfSegment)];
        if (snapshots.Last is { } snapshot) names.Add(FileNames.OfSnapshot(snapshot.Version));
        return names;
    }
}
