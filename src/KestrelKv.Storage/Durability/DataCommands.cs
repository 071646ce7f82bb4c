using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>Commands on the data directory of a stopped server.</summary>
public static class DataCommands
{
    /// <summary>
    /// Replaces the contents of the data directory by a backup. The backup is validated completely before any change. The old files are
    /// moved to a subdirectory, not deleted.
    /// </summary>
    /// <returns>Lines of a report.</returns>
    /// <exception cref="DataException">
    /// The backup is damaged, the directory is in use, or the disk failed. The message names all files that were moved.
    /// </exception>
    public static IReadOnlyList<string> Restore(DataOptions data, string backupFile) => Run(data.Directory, () =>
    {
        string backup = Path.GetFullPath(backupFile);
        FileHeader header;
        SnapshotEnd end;
        using (IDiskFile file = FileDisk.OpenOutside(backup)) (header, end) = SnapshotReader.Read(file, backup, store: null);

        using var disk = new FileDisk(data.Directory);
        var replacement = new Replacement(disk, "restore");
        replacement.Write(to => CopyFile(backup, to));
        replacement.Replace(header.Store, end);
        return [
            $"Restored version {end.Version} from {backup}",
            .. replacement.Report(),
        ];
    });

    /// <summary>
    /// Repairs a damaged data directory: recovers all readable data and moves the old files to a subdirectory. Completes an interrupted
    /// restore or salvage instead, if there is one.
    /// </summary>
    /// <returns>Lines of a report: what was recovered, and what was lost, with files, offsets and versions.</returns>
    /// <exception cref="DataException">
    /// The directory has no data files, or is in use, or the disk failed. The message names all files that were moved.
    /// </exception>
    public static IReadOnlyList<string> Salvage(DataOptions data) => Run(data.Directory, () =>
    {
        using var disk = new FileDisk(data.Directory);
        var replacement = new Replacement(disk, "salvage");
        if (Replacement.IsInterrupted(disk))
        {
            replacement.Resume();
            return ["Completed the interrupted restore or salvage", .. replacement.Report()];
        }

        using var salvage = new Salvage(disk);
        salvage.Read();
        replacement.Write(file => salvage.Write(file));
        replacement.Replace(salvage.StoreNumber, salvage.End);
        return [
            $"Recovered {salvage.Keys} keys up to version {salvage.Version}",
            .. salvage.LostData.Count > 0 ? salvage.LostData : ["No data was lost"],
            .. replacement.Report(),
        ];
    });

    private static IReadOnlyList<string> Run(string directory, Func<IReadOnlyList<string>> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException(
                $"the data directory {Path.GetFullPath(directory)} could not be modified: {e.Message}; no data file was moved", e);
        }
    }

    private static void CopyFile(string from, IDiskFile to)
    {
        using IDiskFile source = FileDisk.OpenOutside(from);
        byte[] buffer = GC.AllocateUninitializedArray<byte>(1024 * 1024);
        long offset = 0;
        for (int read; (read = source.Read(buffer, offset)) > 0; offset += read) to.Write(buffer.AsSpan(0, read), offset);
        to.Sync();
    }
}
