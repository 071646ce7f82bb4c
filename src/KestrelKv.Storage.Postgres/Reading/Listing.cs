using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Reading;

/// <summary>Lists and counts entries: fenced pages of a key range.</summary>
internal sealed class Listing(SnapshotReader snapshots, Door door, PostgresStoreOptions options)
{
    private const string Visible =
        """
        key >= $1 AND key < $2
        AND (expires_at = 0 OR expires_at > greatest($3, (SELECT clock FROM commits ORDER BY last_version DESC LIMIT 1)))
        """;

    internal const string Count = $"SELECT count(*) FROM (SELECT 1 FROM entries WHERE {Visible} LIMIT $4) AS matching";

    internal static readonly string Ascending = EntryPage.Select(Visible, "ASC", parameter: 4);
    internal static readonly string Descending = EntryPage.Select(Visible, "DESC", parameter: 4);

    public async Task<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken)
    {
        KeyRange range = KeyRange.Of(query);
        bool isStopped = false;
        for (long left = query.Limit; !range.IsEmpty;)
        {
            cancellationToken.ThrowIfCancellationRequested();

            // One entry beyond the limit determines whether more follow.
            int size = isStopped ? 1 : (int)Math.Min(left + 1, EntryPage.EntriesMax);
            (List<PageEntry> page, bool isCut) = await ReadAsync(
                range, query.Descending ? Descending : Ascending, EntryPage.ReadAsync, cancellationToken, size, EntryPage.BytesMax);
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
}
