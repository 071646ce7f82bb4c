using System.Diagnostics;
using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

namespace KestrelKv.Storage.Postgres;

/// <summary>Prepares the database of a store. Each failure has one line that names what to change.</summary>
internal static class StoreOpening
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Finds the primary, checks its settings, creates the tables if they do not exist, and reads the newest commit.</summary>
    /// <exception cref="UnsuitableDatabaseException">The database cannot hold the store.</exception>
    /// <exception cref="StoreUnavailableException">The database does not answer, or refuses the creation of the tables.</exception>
    public static async Task PrepareAsync(
        PostgresStoreOptions options, Door door, PrimaryFinder finder, SessionPool sessions, SnapshotReader snapshots)
    {
        try
        {
            Primary primary = await FindAsync(finder, options.RequestTimeout);
            if ((primary.State.UnsuitableVersion ?? primary.State.UnsafeSetting(options.SynchronousStandby)) is { } problem)
                throw new UnsuitableDatabaseException($"The store cannot be opened on {primary.Host.Name}. {problem}");
            door.OldestVersion = await sessions.UseAsync(
                TripKind.Begin, session => UpgradeAsync(session, options), options.RequestTimeout + StoreSchema.UpgradeTimeout);
            await snapshots.ReadNewestAsync(TripKind.Read, isFenced: true, options.ResolveTimeout);
        }
        catch (NoPrimaryException e) when (e.HasOthers)
        {
            throw new UnsuitableDatabaseException($"The store cannot be opened. {e.Message}", e);
        }
        catch (Exception e) when (Failures.IsOfDatabase(e))
        {
            throw new StoreUnavailableException($"The store cannot be opened. {Explain(e, options)}", e);
        }
    }

    /// <summary>Finds the primary. Waits for a database that starts together with this server.</summary>
    private static async Task<Primary> FindAsync(PrimaryFinder finder, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return await finder.GetAsync(timeout);
            }
            catch (NoPrimaryException e) when (e.MayPass && Stopwatch.GetElapsedTime(start) < timeout)
            {
                await Task.Delay(Pause);
            }
        }
    }

    private static async Task<long> UpgradeAsync(Session session, PostgresStoreOptions options)
    {
        long oldest = await StoreSchema.UpgradeAsync(session, options);

        // The session is not reused: its statements are not those of trips.
        session.Break();
        return oldest;
    }

    private static string Explain(Exception e, PostgresStoreOptions options) => e switch
    {
        NoPrimaryException => e.Message,
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } =>
            $"The role may not create the tables in schema {options.Schema} ({Failures.Reason(e)}). " +
            "It must have the privilege CREATE on the database, or an administrator must create the schema for it.",
        TimeoutException =>
            "The database did not acknowledge a commit in time. It may wait for a synchronous standby.",
        _ => $"{Failures.Reason(e)}.",
    };
}
