using KestrelKv.Storage.Files;
using KestrelKv.Storage.Postgres.Backups;
using KestrelKv.Storage.Postgres.Sessions;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Postgres;

/// <summary>Commands on the schema of a store that no server uses.</summary>
public static class PostgresCommands
{
    /// <summary>The maximum time of the transaction of a restore. The operator of the command ends it before.</summary>
    private static readonly TimeSpan RestoreTimeout = TimeSpan.FromDays(7);

    /// <summary>
    /// Loads a backup into an empty schema: all entries with their versions and expiries, and all idempotency records. The backup is
    /// validated completely before any change. Versions continue above all that were assigned after the backup.
    /// </summary>
    /// <param name="options">The options of the store.</param>
    /// <param name="backupFile">The path of the backup.</param>
    /// <param name="time">The clock of the store.</param>
    /// <returns>One line of a report.</returns>
    /// <exception cref="DataException">
    /// The backup is damaged, or has entries that exceed the limits of <see cref="PostgresStore"/>.
    /// </exception>
    /// <exception cref="UnsuitableDatabaseException">The database cannot hold the store, or the schema has data.</exception>
    /// <exception cref="StoreUnavailableException">The database failed. Nothing was loaded.</exception>
    /// <exception cref="OutcomeUnknownException">The database failed during COMMIT.</exception>
    public static async Task<string> RestoreAsync(PostgresStoreOptions options, string backupFile, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        string path = Path.GetFullPath(backupFile);
        var door = new Door(new DoorClock(time), NullLogger.Instance);
        var restore = new BackupRestore(path, door, options.Schema);
        restore.Check();
        CommitRow newest = await RunAsync(restore, options, door);
        return $"Restored version {newest.Version} from {path}: {newest.Keys} entries with {newest.Bytes} bytes, and " +
            $"{newest.RequestIds} idempotency records";
    }

    private static async Task<CommitRow> RunAsync(BackupRestore restore, PostgresStoreOptions options, Door door)
    {
        var finder = new PrimaryFinder(HostList.Create(options), options.ConnectTimeout, NullLogger.Instance);
        await using var sessions = new SessionPool(finder, door, options, PostgresMetrics.Create());
        await StoreOpening.PrepareAsync(options, door, finder, sessions, new SnapshotReader(sessions, door));
        try
        {
            return await sessions.UseAsync(TripKind.Begin, restore.RunAsync, RestoreTimeout);
        }
        catch (Exception e) when (Failures.IsOfDatabase(e) && restore.IsCommitting && !Failures.IsRefusal(e))
        {
            throw new OutcomeUnknownException(
                $"The database failed during the commit: {Failures.Reason(e)}. Repeat the command: if the backup was loaded, it reports " +
                "that the schema has data already.",
                e);
        }
        catch (Exception e) when (Failures.IsOfDatabase(e))
        {
            throw new StoreUnavailableException($"The backup was not restored: {Failures.Reason(e)}. Nothing was changed.", e);
        }
    }
}
