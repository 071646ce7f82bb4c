using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Reading;

/// <summary>Lists and counts entries: fenced pages of a key range.</summary>
internal sealed class Listing(SnapshotReader snapshots, Door door, PostgresStoreOptions options)
{
    /// <summary>The maximum number of entries of one trip.</summary>
    private const int PageEntries = 1_000;

    /// <summary>The size of the values of one trip, in bytes, which one more value may exceed: 4 MiB.</summary>
    private const long PageBytes = 4 * 1024 * 1024;

    private const string Visible =
        """
        key >= $1 AND key < $2
        AND (expires_at = 0 OR expires_at > greatest($3, (SELECT clock FROM commits ORDER BY last_version DESC LIMIT 1)))
        """;

    private const string Count = $"SELECT count(*) FROM (SELECT 1 FROM entries WHERE {Visible} LIMIT $4) AS matching";

    private static readonly string Ascending = Page("ASC");
    private static readonly string Descending = Page("DESC");

    public async Task<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken)
    {
        KeyRange range = KeyRange.Of(query);
        bool isStopped = false;
        for (long left = query.Limit; !range.IsEmpty;)
        {
            cancellationToken.ThrowIfCancellationRequested();

            // One entry beyond the limit determines whether more follow.
            int size = isStopped ? 1 : (int)Math.Min(left + 1, PageEntries);
            (List<PageEntry> page, bool isCut) = await ReadAsync(
                range, query.Descending ? Descending : Ascending, ReadPageAsync, cancellationToken, size, PageBytes);
            foreach (PageEntry entry in page)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (isStopped || left == 0) return true;
                left--;
                isStopped = !entries.OnEntry(new EntryView
                {
                    Key = entry.Key, Value = entry.Value, Version = entry.Version, ExpiresAt = entry.ExpiresAt,
                });
            }
            if (page.Count < size && !isCut) return false;
            range = range.After(page[^1].Key, query.Descending);
        }
        return false;
    }

    public async Task<long> CountAsync(ListQuery query, CancellationToken cancellationToken)
    {
        KeyRange range = KeyRange.Of(query);
        return range.IsEmpty ? 0 : await ReadAsync(
            range, Count, async rows => await rows.ReadAsync() ? rows.GetInt64(0) : 0, cancellationToken, query.Limit);
    }

    /// <summary>
    /// Selects a page. Lengths are known without reading the values, so the subquery reads no value that the page cuts off. Each row has
    /// the number of rows without that cut.
    /// </summary>
    private static string Page(string direction) =>
        $"""
        SELECT key, value, version, expires_at, matching FROM (
            SELECT *, count(*) OVER () AS matching, sum(octet_length(value)) OVER (ORDER BY key {direction}) - octet_length(value) AS before
            FROM (SELECT * FROM entries WHERE {Visible} ORDER BY key {direction} LIMIT $4) AS page) AS sized
        WHERE before < $5 ORDER BY key {direction}
        """;

    private static async Task<(List<PageEntry> Entries, bool IsCut)> ReadPageAsync(NpgsqlDataReader rows)
    {
        List<PageEntry> entries = [];
        long matching = 0;
        while (await rows.ReadAsync())
        {
            matching = rows.GetInt64(4);
            entries.Add(new(rows.GetFieldValue<byte[]>(0), rows.GetFieldValue<byte[]>(1), rows.GetInt64(2), rows.GetInt64(3)));
        }
        return (entries, entries.Count < matching);
    }

    private Task<T> ReadAsync<T>(
        KeyRange range, string statement, Func<NpgsqlDataReader, Task<T>> read, CancellationToken cancellationToken, params long[] more) =>
        snapshots.RepeatAsync(
            TripKind.List,
            trip => trip.Add(
                statement,
                [
                    Parameter.Of(range.Low), Parameter.Of(range.High), Parameter.Of(door.Clock.Now()),
                    .. more.Select(value => Parameter.Of(value)),
                ]),
            async (_, rows) =>
            {
                await rows.NextResultAsync();
                return await read(rows);
            },
            isFenced: true, options.RequestTimeout, cancellationToken);

    private readonly record struct PageEntry(byte[] Key, byte[] Value, long Version, long ExpiresAt);
}
