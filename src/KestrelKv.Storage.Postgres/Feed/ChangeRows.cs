using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Feed;

/// <summary>Consecutive commits. Versions are dense, so a version without a row in <c>changes</c> is a commit without changes.</summary>
/// <param name="Rows">The rows, in order.</param>
/// <param name="UpTo">The last version: that of the last row if the read was cut off.</param>
internal readonly record struct ChangeRows(List<(long Version, byte[] Records)> Rows, long UpTo)
{
    /// <summary>The maximum number of rows of one read.</summary>
    private const long RowsMax = 1_000;

    /// <summary>The size of the records of one read, in bytes, which one more commit may exceed: 4 MiB.</summary>
    private const long BytesMax = 4 * 1024 * 1024;

    /// <summary>Lengths are known without reading the records, so the subquery reads none that are cut off.</summary>
    internal const string Select =
        """
        SELECT version, records, matching FROM (
            SELECT *, count(*) OVER () AS matching, sum(octet_length(records)) OVER (ORDER BY version) - octet_length(records) AS before
            FROM (SELECT * FROM changes WHERE version > $1 AND version <= $2 ORDER BY version LIMIT $3) AS page) AS sized
        WHERE before < $4 ORDER BY version
        """;

    /// <summary>Adds the statement to a trip: the commits between two versions, without the first.</summary>
    public static void AddTo(Trip trip, long after, long upTo) =>
        trip.Add(Select, Parameter.Of(after), Parameter.Of(upTo), Parameter.Of(RowsMax), Parameter.Of(BytesMax));

    /// <param name="rows">The result of the statement.</param>
    /// <param name="upTo">The last version that was asked for and exists.</param>
    public static async Task<ChangeRows> ReadAsync(NpgsqlDataReader rows, long upTo)
    {
        List<(long Version, byte[] Records)> read = [];
        long matching = 0;
        while (await rows.ReadAsync())
        {
            read.Add((rows.GetInt64(0), rows.GetFieldValue<byte[]>(1)));
            matching = rows.GetInt64(2);
        }
        return new(read, read.Count < matching || matching == RowsMax ? read[^1].Version : upTo);
    }

    /// <summary>Passes on each commit after a version, until the reader stops.</summary>
    public void Deliver(long after, Func<long, byte[], bool> read)
    {
        int row = 0;
        for (long version = after + 1; version <= UpTo; version++)
        {
            bool hasRow = row < Rows.Count && Rows[row].Version == version;
            if (!read(version, hasRow ? Rows[row++].Records : [])) return;
        }
    }
}
