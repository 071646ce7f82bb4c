using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;
using NpgsqlTypes;

namespace KestrelKv.Storage.Postgres.Backups;

/// <summary>Loads the entries of a snapshot into the empty table <c>entries</c>, in the open transaction of a session.</summary>
/// <remarks>
/// Entries are written with COPY. The commits after them are gathered in groups, and each group leaves one change of a key. In memory is
/// one log record of the snapshot, or one group of commits.
/// </remarks>
internal sealed class SnapshotLoader(Session session, SnapshotChanges snapshot)
{
    private const string Copy = "COPY entries (key, value, version, expires_at) FROM STDIN (FORMAT BINARY)";

    /// <summary>The size of a group of commits, in bytes, which the changes of one more commit may exceed: 8 MiB.</summary>
    private const long GroupBytes = 8 * 1024 * 1024;

    /// <summary>
    /// The embedded engine copies entries at different times, so an entry may be newer than a commit: the newer one remains.
    /// </summary>
    private const string Put =
        """
        INSERT INTO entries (key, value, version, expires_at) SELECT * FROM unnest($1, $2, $3, $4)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, expires_at = excluded.expires_at
        WHERE entries.version < excluded.version
        """;

    private const string SetExpiry =
        """
        UPDATE entries SET version = u.version, expires_at = u.expires_at FROM unnest($1, $2, $3) AS u (key, version, expires_at)
        WHERE entries.key = u.key AND entries.version < u.version
        """;

    private const string Delete =
        """
        DELETE FROM entries USING unnest($1, $2) AS d (key, version) WHERE entries.key = d.key AND entries.version < d.version
        """;

    private readonly List<Row> _rows = [];
    private readonly Dictionary<byte[], Row> _group = new(KeyComparer.Instance);
    private long _groupBytes;

    public async Task LoadAsync()
    {
        bool more;
        await using (NpgsqlBinaryImporter copy = await session.StartCopyAsync(Copy))
        {
            while ((more = snapshot.TryVisitNext(AddRow)) && !snapshot.IsCommit) await WriteRowsAsync(copy);
            await copy.CompleteAsync();
        }
        for (; more; more = snapshot.TryVisitNext(AddRow))
        {
            GatherRows();
            if (_groupBytes >= GroupBytes) await ApplyGroupAsync();
        }
        await ApplyGroupAsync();
    }

    private void AddRow(in Record change, long version) =>
        _rows.Add(new(change.Kind, change.Key.ToArray(), change.Value.ToArray(), version, change.ExpiresAt));

    private async Task WriteRowsAsync(NpgsqlBinaryImporter copy)
    {
        foreach (Row row in _rows)
        {
            await copy.StartRowAsync();
            await copy.WriteAsync(row.Key, NpgsqlDbType.Bytea);
            await copy.WriteAsync(row.Value, NpgsqlDbType.Bytea);
            await copy.WriteAsync(row.Version, NpgsqlDbType.Bigint);
            await copy.WriteAsync(row.ExpiresAt, NpgsqlDbType.Bigint);
        }
        _rows.Clear();
    }

    /// <summary>Combines the changes of a commit with those before it.</summary>
    private void GatherRows()
    {
        foreach (Row row in _rows)
        {
            bool isKnown = _group.TryGetValue(row.Key, out Row before);
            _groupBytes += row.Key.Length + row.Value.Length + Record.BytesAround;
            if (!isKnown || row.Kind != RecordKind.SetExpiry) _group[row.Key] = row;
            else if (before.Kind is RecordKind.Put or RecordKind.SetExpiry)
                _group[row.Key] = before with { Version = row.Version, ExpiresAt = row.ExpiresAt };
        }
        _rows.Clear();
    }

    private async Task ApplyGroupAsync()
    {
        if (_group.Count == 0) return;
        Row[] puts = [.. _group.Values.Where(row => row.Kind == RecordKind.Put)];
        Row[] expiries = [.. _group.Values.Where(row => row.Kind == RecordKind.SetExpiry)];
        Row[] deletes = [.. _group.Values.Where(row => row.Kind is not (RecordKind.Put or RecordKind.SetExpiry))];
        await using (Trip trip = session.StartTrip())
        {
            trip.Add(Put, Keys(puts), Parameter.Of([.. puts.Select(put => put.Value)]), Versions(puts), Expiries(puts));
            trip.Add(SetExpiry, Keys(expiries), Versions(expiries), Expiries(expiries));
            trip.Add(Delete, Keys(deletes), Versions(deletes));
            await trip.ExecuteAsync();
        }
        _group.Clear();
        _groupBytes = 0;

        static NpgsqlParameter Keys(Row[] rows) => Parameter.Of([.. rows.Select(row => row.Key)]);
        static NpgsqlParameter Versions(Row[] rows) => Parameter.Of([.. rows.Select(row => row.Version)]);
        static NpgsqlParameter Expiries(Row[] rows) => Parameter.Of([.. rows.Select(row => row.ExpiresAt)]);
    }

    private readonly record struct Row(RecordKind Kind, byte[] Key, byte[] Value, long Version, long ExpiresAt);
}
