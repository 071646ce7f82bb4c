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
    public static IReadOnlyList<string> Restore(DataOptions data, string backupFile) => throw new NotImplementedException();

    /// <summary>
    /// Makes a data directory usable that is damaged: keeps all that can be read, and moves the files that were there to
    /// a directory in it.
    /// </summary>
    /// <returns>Lines that tell what was kept, and what was given up: file, offsets, versions.</returns>
    /// <exception cref="DataException">There is nothing to be read, or the directory is in use.</exception>
    public static IReadOnlyList<string> Salvage(DataOptions data) => throw new NotImplementedException();
}
