using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;

namespace KestrelKv.Cli.Transfer.Backup;

/// <summary>A verified backup.</summary>
/// <param name="Path">The path.</param>
/// <param name="Version">The version of its last commit.</param>
/// <param name="Entries">The number of entries of clients. Changes while the backup was made are not counted.</param>
/// <param name="Bytes">The length of the file.</param>
internal sealed record BackupFile(string Path, long Version, long Entries, long Bytes)
{
    /// <summary>Reads the whole file: verifies the checksums, the order of the records, and that the end is there.</summary>
    /// <exception cref="CommandFailure">The file is damaged.</exception>
    public static BackupFile Verify(string path, ProgressDisplay progress, CancellationToken stop)
    {
        long entries = 0;
        try
        {
            using IDiskFile file = FileDisk.OpenOutside(path);
            var snapshot = new SnapshotChanges(file, path);
            while (snapshot.TryVisitNext(Count))
            {
                stop.ThrowIfCancellationRequested();
                progress.Count = entries;
            }
            return new(path, snapshot.End.Version, entries, new FileInfo(path).Length);

            void Count(in Record record, long version)
            {
                if (!snapshot.IsCommit && !InternalKey.Is(record.Key)) entries++;
            }
        }
        catch (DataException e)
        {
            throw CommandFailure.Failed("damaged_backup", $"The backup is damaged: {e.Message.TrimEnd('.')}. It was deleted");
        }
    }
}
