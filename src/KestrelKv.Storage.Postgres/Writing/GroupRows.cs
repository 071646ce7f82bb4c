using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>A row of <c>entries</c>. The value is null if only its length was selected, or if it is cut.</summary>
internal readonly record struct EntryRow(byte[] Key, long Version, long ExpiresAt, byte[]? Value, int ValueBytes, bool IsCut);

/// <summary>The entries that a group needs, as its trip reads them.</summary>
/// <remarks>An abandoned trip may still read rows. It therefore fills an object of its own, not the workspace.</remarks>
/// <param name="keys">The keys of the group.</param>
/// <param name="options">The options.</param>
/// <param name="expiredAt">The time for which expired entries are also read; null for none.</param>
internal sealed class GroupRows(GroupKeys keys, PostgresStoreOptions options, long? expiredAt)
{
    /// <summary>Values are selected if each of them has at most $2 bytes, so that all of them together are within the limit of a group.</summary>
    internal const string WithSmallValues =
        """
        SELECT key, version, expires_at, octet_length(value), CASE WHEN octet_length(value) <= $2 THEN value END FROM entries
        WHERE key = ANY($1)
        """;

    /// <summary>
    /// The statement for groups with larger values, which takes about twice the time. Values are selected in the order of the keys while those
    /// before them are within a limit: $4, or $3 for the first $2 keys. Lengths are known without reading the values.
    /// </summary>
    internal const string WithValues =
        """
        SELECT key, version, expires_at, octet_length(value), CASE WHEN before < CASE WHEN n <= $2 THEN $3 ELSE $4 END THEN value END FROM (
            SELECT entries.*, n, sum(octet_length(value)) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING) - octet_length(value) AS before
            FROM unnest($1) WITH ORDINALITY AS keys (key, n) JOIN entries USING (key)) AS sized
        """;

    internal const string WithLengths = "SELECT key, version, expires_at, octet_length(value) FROM entries WHERE key = ANY($1)";
    internal const string Expired =
        """
        SELECT key, version, expires_at, octet_length(value) FROM entries
        WHERE expires_at > 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2
        """;

    private readonly byte[][] _withValues = keys.WithValues;
    private readonly byte[][] _withLengths = keys.WithoutValues;
    private readonly long _required = keys.Required;
    private readonly bool _hasLarge = keys.HasLarge;
    private readonly List<EntryRow> _rows = [];

    /// <summary>Adds the statements to a trip.</summary>
    public void AddTo(Trip trip)
    {
        if (_withValues.Length > 0 && !_hasLarge)
        {
            trip.Add(WithSmallValues, Parameter.Of(_withValues), Parameter.Of(options.GroupValueBytesMax / _withValues.Length));
        }
        else if (_withValues.Length > 0)
        {
            trip.Add(
                WithValues, Parameter.Of(_withValues), Parameter.Of(_required), Parameter.Of(options.CallValueBytesMax),
                Parameter.Of(options.GroupValueBytesMax));
        }
        if (_withLengths.Length > 0) trip.Add(WithLengths, Parameter.Of(_withLengths));
        if (expiredAt is { } now) trip.Add(Expired, Parameter.Of(now), Parameter.Of((long)SweepCall.EntriesMax));
    }

    /// <summary>Reads the results of the statements, which are the next ones.</summary>
    public async Task ReadAsync(NpgsqlDataReader rows)
    {
        if (_withValues.Length > 0) await ReadEntriesAsync(rows, hasValues: true);
        if (_withLengths.Length > 0) await ReadEntriesAsync(rows, hasValues: false);
        if (expiredAt is not null) await ReadEntriesAsync(rows, hasValues: false);
    }

    public void LoadInto(Workspace workspace)
    {
        foreach (EntryRow row in _rows) workspace.Load(row);
    }

    private async Task ReadEntriesAsync(NpgsqlDataReader rows, bool hasValues)
    {
        await rows.NextResultAsync();
        while (await rows.ReadAsync())
        {
            bool isCut = hasValues && await rows.IsDBNullAsync(4);
            byte[]? value = hasValues && !isCut ? rows.GetFieldValue<byte[]>(4) : null;
            _rows.Add(new(rows.GetFieldValue<byte[]>(0), rows.GetInt64(1), rows.GetInt64(2), value, rows.GetInt32(3), isCut));
        }
    }
}
