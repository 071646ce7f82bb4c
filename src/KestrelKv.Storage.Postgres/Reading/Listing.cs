using System.Diagnostics;
using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Reading;

/// <summary>Lists and counts entries: fenced pages of a key range.</summary>
internal sealed class Listing(SessionPool sessions, Door door, PostgresStoreOptions options)
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

    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(50);

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
            (List<PageEntry> page, bool isCut) = await RunAsync(
                session => ReadPageAsync(session, range, query.Descending, size), cancellationToken);
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
        return range.IsEmpty ? 0 : await RunAsync(session => CountAsync(session, range, query.Limit), cancellationToken);
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

    private static async Task<(List<PageEntry> Entries, bool IsCut)> ReadRowsAsync(NpgsqlDataReader rows)
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

    private Task<(List<PageEntry> Entries, bool IsCut)> ReadPageAsync(Session session, KeyRange range, bool descending, int size) =>
        ReadFencedAsync(
            session,
            trip => trip.Add(
                descending ? Descending : Ascending, Parameter.Of(range.Low), Parameter.Of(range.High), Parameter.Of(door.Clock.Now()),
                Parameter.Of((long)size), Parameter.Of(PageBytes)),
            ReadRowsAsync);

    private Task<long> CountAsync(Session session, KeyRange range, int limit) => ReadFencedAsync(
        session,
        trip => trip.Add(
            Count, Parameter.Of(range.Low), Parameter.Of(range.High), Parameter.Of(door.Clock.Now()), Parameter.Of((long)limit)),
        async rows => await rows.ReadAsync() ? rows.GetInt64(0) : 0);

    private async Task<T> ReadFencedAsync<T>(Session session, Action<Trip> add, Func<NpgsqlDataReader, Task<T>> read)
    {
        CommitRow known = door.Known;
        await using Trip trip = session.StartTrip();
        trip.Add("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
        trip.Add(CommitRow.Newest);
        add(trip);
        trip.AddFence();
        trip.Add("COMMIT");
        await using NpgsqlDataReader rows = await trip.ReadAsync();
        CommitRow newest = await rows.ReadNewestAsync();
        await rows.NextResultAsync();
        T result = await read(rows);
        while (await rows.NextResultAsync())
        {
        }
        door.Check(newest, known);
        door.Observe(newest);
        return result;
    }

    /// <summary>Runs a trip, and repeats it after failures until the request is late.</summary>
    private async Task<T> RunAsync<T>(Func<Session, Task<T>> work, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        for (Exception? last = null; ;)
        {
            TimeSpan left = options.RequestTimeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero) throw new StoreUnavailableException($"The database does not answer: {last?.Message}", last);
            Session? session = null;
            try
            {
                session = await sessions.RentAsync();
                session.ResetWarning();
                T result = await session.WithinAsync(work(session), left);
                if (!session.HasWarning) return result;
            }
            catch (Exception e) when (Failures.IsOfDatabase(e))
            {
                last = e;
                await Task.Delay(RetryPause, cancellationToken);
            }
            finally
            {
                if (session is not null) await sessions.ReturnAsync(session);
            }
        }
    }

    private readonly record struct PageEntry(byte[] Key, byte[] Value, long Version, long ExpiresAt);
}
