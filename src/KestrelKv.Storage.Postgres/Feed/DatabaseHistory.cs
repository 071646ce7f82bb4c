using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Feed;

/// <summary>The history in the database, for watches that catch up.</summary>
/// <remarks>Only commits up to the feed's published version are read. These are replicated, so the reads need no fence.</remarks>
internal sealed class DatabaseHistory(SessionPool sessions, PostgresStoreOptions options) : IFeedHistory
{
    public const string OldestVersion = "SELECT oldest_version FROM meta";

    private long _oldest = 1;

    /// <inheritdoc/>
    public long Oldest => Volatile.Read(ref _oldest);

    /// <summary>Sets the oldest version, as read from the database.</summary>
    public void SetOldest(long version) => Volatile.Write(ref _oldest, version);

    /// <inheritdoc/>
    public bool Read(LogCursor cursor, long position, long upTo, CommitReader read)
    {
        try
        {
            // The watch runs this on a thread of its own.
            if (ReadAsync(position, upTo).GetAwaiter().GetResult() is { } rows)
                rows.Deliver(position, (version, records) => read(version, records));
            return true;
        }
        catch (StoreUnavailableException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Returns the commits after a position; null if they were deleted.</summary>
    private async Task<ChangeRows?> ReadAsync(long position, long upTo)
    {
        (long oldest, ChangeRows rows) = await Attempts.RepeatAsync(
            left => sessions.UseAsync(TripKind.CatchUp, session => ReadAsync(session, position, upTo), left), options.RequestTimeout,
            sessions.Metrics);
        SetOldest(oldest);
        return position + 1 < oldest ? null : rows;
    }

    private static async Task<(long Oldest, ChangeRows Rows)> ReadAsync(Session session, long position, long upTo)
    {
        await using Trip trip = session.StartTrip();
        trip.Add("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
        trip.Add(OldestVersion);
        ChangeRows.AddTo(trip, position, upTo);
        trip.Add("COMMIT");
        await using NpgsqlDataReader rows = await trip.ReadAsync();
        await rows.ReadAsync();
        long oldest = rows.GetInt64(0);
        await rows.NextResultAsync();
        ChangeRows changes = await ChangeRows.ReadAsync(rows, upTo);
        while (await rows.NextResultAsync())
        {
        }
        return (oldest, changes);
    }
}
