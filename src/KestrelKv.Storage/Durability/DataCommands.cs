using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>What can be done to the data directory of a server that is stopped.</summary>
public static class DataCommands
{
    /// <summary>
    /// Replaces what the data directory has by a backup. The files that were there are moved to a directory in it, and
    /// not deleted. The backup is read and checked as a whole before anything is touched.
    /// </summary>
    /// <returns>Lines that tell what was done.</returns>
    /// <exception cref="DataException">The backup is damaged, or the directory is in use.</exception>
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
            $"Restored {end.Version} as the version of the last commit, from {backup}",
            .. replacement.Report(),
        ];
    });

    /// <summary>
    /// Makes a data directory usable that is damaged: keeps all that can be read, and moves the files that were there to
    /// a directory in it.
    /// </summary>
    /// <returns>Lines that tell what was kept, and what was given up: file, offsets, versions.</returns>
    /// <exception cref="DataException">There is nothing to be read, or the directory is in use.</exception>
    public static IReadOnlyList<string> Salvage(DataOptions data) => Run(data.Directory, () =>
    {
        using var disk = new FileDisk(data.Directory);
        var replacement = new Replacement(disk, "salvage");
        if (Replacement.IsInterrupted(disk))
        {
            replacement.Resume();
            return ["The restore or salvage that had been interrupted was brought to its end", .. replacement.Report()];
        }

        using var salvage = new Salvage(disk);
        salvage.Read();
        replacement.Write(file => salvage.Write(file));
        replacement.Replace(salvage.StoreNumber, salvage.End);
        return [
            $"Kept {salvage.Keys} keys, with {salvage.Version} as the version of the last commit",
            .. salvage.GivenUp.Count > 0 ? salvage.GivenUp : ["Nothing was given up"],
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
            throw new DataException($"the data directory {Path.GetFullPath(directory)} could not be changed: {e.Message}", e);
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
