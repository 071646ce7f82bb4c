using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>A row of <c>entries</c>. The value is null if only its length was selected.</summary>
internal readonly record struct EntryRow(byte[] Key, long Version, long ExpiresAt, byte[]? Value, int ValueBytes);

/// <summary>What the first trip of a group reads: the newest commit, and the entries of the group's keys.</summary>
/// <remarks>An abandoned trip may still read rows. It therefore fills an object of its own, not the workspace.</remarks>
internal sealed class GroupRows
{
    private const string WithValues = "SELECT key, version, expires_at, value FROM entries WHERE key = ANY($1)";
    private const string WithLengths = "SELECT key, version, expires_at, octet_length(value) FROM entries WHERE key = ANY($1)";
    private const string Expired =
        "SELECT key, version, expires_at, octet_length(value) FROM entries WHERE expires_at > 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2";

    private readonly List<EntryRow> _rows = [];

    public CommitRow Newest { get; private set; }

    /// <summary>Adds the statements to a trip. The results must be read in the same order.</summary>
    public static void AddTo(Trip trip, GroupKeys keys, long? expiredAt)
    {
        trip.Add(CommitRow.Newest);
        trip.Add(WithValues, Parameter.Of(keys.WithValues));
        trip.Add(WithLengths, Parameter.Of(keys.WithoutValues));
        if (expiredAt is { } now) trip.Add(Expired, Parameter.Of(now), Parameter.Of((long)SweepCall.EntriesMax));
    }

    /// <summary>Reads the results, beginning at that of the newest commit.</summary>
    public async Task ReadAsync(NpgsqlDataReader rows, bool hasExpired)
    {
        Newest = await rows.ReadNewestAsync();
        await rows.NextResultAsync();
        while (await rows.ReadAsync())
        {
            byte[] value = rows.GetFieldValue<byte[]>(3);
            _rows.Add(new(rows.GetFieldValue<byte[]>(0), rows.GetInt64(1), rows.GetInt64(2), value, value.Length));
        }
        for (int results = hasExpired ? 2 : 1; results > 0; results--)
        {
            await rows.NextResultAsync();
            while (await rows.ReadAsync())
                _rows.Add(new(rows.GetFieldValue<byte[]>(0), rows.GetInt64(1), rows.GetInt64(2), null, rows.GetInt32(3)));
        }
    }

    public void LoadInto(Workspace workspace)
    {
        foreach (EntryRow row in _rows) workspace.Load(row.Key, row.Version, row.ExpiresAt, row.Value, row.ValueBytes);
    }
}
