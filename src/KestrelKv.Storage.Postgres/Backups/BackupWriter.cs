using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Postgres.Reading;
using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Backups;

/// <summary>Writes backups: snapshot files of the embedded engine.</summary>
/// <remarks>
/// All pages of a backup are read in one REPEATABLE READ transaction, with a fence at its end. Only one page is in memory. The transaction
/// depends on no client: the file is complete before it is sent. One backup at a time exists, so the temporary files have at most the size
/// of one.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "The semaphore has no wait handle.")]
internal sealed class BackupWriter(SessionPool sessions, Door door, PostgresStoreOptions options)
{
    internal static readonly string Page = EntryPage.Select("key > $1", "ASC", parameter: 2);

    /// <summary>The embedded engine begins its log with this segment.</summary>
    private const long FirstSegment = 1;

    private readonly SemaphoreSlim _one = new(1);

    /// <inheritdoc cref="PostgresStore.OpenBackupAsync"/>
    public async Task<PostgresBackup> OpenAsync(Predicate<long> isNeeded, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        FileStream? file = null;
        try
        {
            (Session session, CommitRow newest) = await Attempts.RepeatAsync(
                BeginAsync, options.RequestTimeout, sessions.Metrics, cancellationToken: cancellationToken);
            try
            {
                if (isNeeded(newest.Version))
                {
                    file = FileDisk.CreateTemporary();
                    await WriteAsync(session, newest.Version, file, cancellationToken);
                }
                await RunAsync(session, CommitAsync(session));
            }
            catch
            {
                session.Break();
                throw;
            }
            finally
            {
                await sessions.ReturnAsync(session);
            }
            door.Observe(newest);
            sessions.Metrics.CountFence();
            return new(newest.Version, file, () => _one.Release());
        }
        catch
        {
            if (file is not null) await file.DisposeAsync();
            _one.Release();
            throw;
        }
    }

    /// <summary>Begins the transaction, and reads its newest commit. The session remains in the transaction.</summary>
    private async Task<(Session Session, CommitRow Newest)> BeginAsync(TimeSpan timeout)
    {
        Session session = await sessions.RentAsync(TripKind.Backup, timeout);
        try
        {
            session.ResetWarning();
            CommitRow known = door.Known;
            CommitRow newest = await sessions.RunAsync(session, TripKind.Backup, ReadNewestAsync(session), timeout);
            door.Check(newest, known);
            return (session, newest);
        }
        catch
        {
            session.Break();
            await sessions.ReturnAsync(session);
            throw;
        }
    }

    private static async Task<CommitRow> ReadNewestAsync(Session session)
    {
        await using Trip trip = session.StartTrip();
        trip.Add("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
        Session.AddPatience(trip);
        trip.Add(CommitRow.Newest);
        await using NpgsqlDataReader rows = await trip.ReadAsync();
        CommitRow newest = await rows.ReadNewestAsync();
        await rows.DrainAsync();
        return newest;
    }

    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="StoreUnavailableException">The database failed.</exception>
    private async Task WriteAsync(Session session, long version, FileStream file, CancellationToken cancellationToken)
    {
        // The number only distinguishes the files of one data directory from those of others.
        ulong store = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
        var writer = new SnapshotWriter(FileDisk.Of(file), new FileHeader(FileKind.Snapshot, store, version));
        var entries = new SnapshotEntries(writer);
        byte[] last = [];
        for (bool more = true; more;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            EntryPage page = await RunAsync(session, ReadPageAsync(session, last));
            foreach (PageEntry entry in page.Entries)
            {
                entries.Add(new Record
                {
                    Kind = RecordKind.Put, Key = entry.Key, Value = entry.Value, Version = entry.Version, ExpiresAt = entry.ExpiresAt,
                });
            }
            more = page.IsCut || page.Entries.Count == EntryPage.EntriesMax;
            if (more) last = page.Entries[^1].Key;
        }
        entries.Flush();
        writer.Finish(new SnapshotEnd(version, entries.Count, FirstSegment, door.Clock.Now()));
    }

    private static async Task<EntryPage> ReadPageAsync(Session session, byte[] after)
    {
        await using Trip trip = session.StartTrip();
        trip.Add(Page, Parameter.Of(new ReadOnlyMemory<byte>(after)), Parameter.Of(EntryPage.EntriesMax), Parameter.Of(EntryPage.BytesMax));
        await using NpgsqlDataReader rows = await trip.ReadAsync();
        return await EntryPage.ReadAsync(rows);
    }

    private static async Task<bool> CommitAsync(Session session)
    {
        await using (Trip trip = session.StartTrip())
        {
            trip.AddFence();
            trip.Add("COMMIT");
            await trip.ExecuteAsync();
        }
        session.ThrowIfWarned();
        return true;
    }

    /// <summary>Waits for a trip. Its failures are those of the database, which a failure of the file must not be taken for.</summary>
    private async Task<T> RunAsync<T>(Session session, Task<T> trip)
    {
        try
        {
            return await sessions.RunAsync(session, TripKind.Backup, trip, options.RequestTimeout);
        }
        catch (Exception e) when (Failures.IsOfDatabase(e))
        {
            throw new StoreUnavailableException($"The database failed during the backup: {Failures.Reason(e)}", e);
        }
    }
}
