using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Backups;

/// <summary>Loads a backup into an empty schema: in one transaction, under the writer lock.</summary>
/// <remarks>
/// The transaction has no time limit: the operator of the command can end it, and then nothing is changed. A server of the same schema that
/// writes before makes the schema one with data. One that writes during the transaction may end it, as that of a stopped door.
/// </remarks>
internal sealed class BackupRestore(string file, Door door, string schema)
{
    /// <summary>
    /// The totals are counted, because a commit of the snapshot may find any version of an entry. The lengths are known without reading
    /// the values.
    /// </summary>
    private const string InsertCommit =
        """
        INSERT INTO commits SELECT $1, $1, $2, 1, $3, count(*) FILTER (WHERE NOT is_internal),
            coalesce(sum(bytes) FILTER (WHERE NOT is_internal), 0), count(*) FILTER (WHERE is_internal), $4
        FROM (SELECT octet_length(key) + octet_length(value) AS bytes, key >= $5 AS is_internal FROM entries) AS sized
        RETURNING keys, bytes, request_ids
        """;

    /// <summary>Whether COMMIT may have been executed.</summary>
    public bool IsCommitting { get; private set; }

    /// <summary>Validates the whole file, and verifies that its keys and values fit into this engine.</summary>
    /// <exception cref="DataException">The file is damaged, or an entry is too large.</exception>
    public void Check()
    {
        var keys = new OversizedEntries("keys", PostgresStore.KeyBytesMax);
        var values = new OversizedEntries("values", PostgresStore.ValueBytesMax);
        using IDiskFile opened = FileDisk.OpenOutside(file);
        var snapshot = new SnapshotChanges(opened, file);
        while (snapshot.TryVisitNext(Add))
        {
        }
        if ((keys.Problem ?? values.Problem) is { } problem)
            throw new DataException($"{problem} Delete or replace these entries before the backup. Nothing was changed.");

        void Add(in Record change, long version)
        {
            keys.Add(change, change.Key.Length);
            values.Add(change, change.Value.Length);
        }
    }

    /// <summary>Loads the file.</summary>
    /// <returns>The version of the file, and the totals of the schema.</returns>
    /// <exception cref="UnsuitableDatabaseException">The schema has data.</exception>
    /// <exception cref="DataException">The file has changed since the check.</exception>
    public async Task<CommitRow> RunAsync(Session session)
    {
        await session.ExecuteAsync(Trip.Begin);
        await session.LockAsync();
        if (await session.ScalarAsync("SELECT EXISTS (SELECT FROM commits) OR EXISTS (SELECT FROM entries)") is true)
        {
            throw new UnsuitableDatabaseException(
                $"The schema {schema} has data already, expected an empty one. An administrator must drop the schema and create it for " +
                "the role again, or create another one for Store:Postgres:Schema. Nothing was changed.");
        }
        await using (Trip trip = session.StartTrip())
        {
            Session.AddPatience(trip);
            await trip.ExecuteAsync();
        }
        using IDiskFile opened = FileDisk.OpenOutside(file);
        var snapshot = new SnapshotChanges(opened, file);
        await new SnapshotLoader(session, snapshot).LoadAsync();
        CommitRow newest = await AddCommitAsync(session, snapshot.End.Version);
        IsCommitting = true;
        await session.ExecuteAsync("COMMIT");
        return newest;
    }

    /// <summary>
    /// Adds a commit row, above all versions that were assigned after the backup was made. Changes up to it are not kept. Without commits
    /// there is none.
    /// </summary>
    private async Task<CommitRow> AddCommitAsync(Session session, long version)
    {
        if (version == 0) return default;
        long raised = VersionRange.After(version, door.Clock.GetUtcNow());
        await session.ScalarAsync("UPDATE meta SET oldest_version = $1", Parameter.Of(raised + 1));
        (Guid id, long clock) = (Guid.NewGuid(), door.Clock.Now());
        await using Trip trip = session.StartTrip();
        trip.Add(
            InsertCommit, Parameter.Of(raised), Parameter.Of(door.Id), Parameter.Of(id), Parameter.Of(clock),
            Parameter.Of(InternalKey.First));
        await using NpgsqlDataReader rows = await trip.ReadAsync();
        await rows.ReadAsync();
        return new(version, id, rows.GetInt64(0), rows.GetInt64(1), rows.GetInt64(2), clock);
    }
}
