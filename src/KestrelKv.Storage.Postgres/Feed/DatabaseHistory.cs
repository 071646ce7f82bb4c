using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Postgres.Sessions;

namespace KestrelKv.Storage.Postgres.Feed;

/// <summary>The history in the database, for watches that catch up and for the feed.</summary>
internal sealed class DatabaseHistory(SnapshotReader snapshots, Door door, PostgresStoreOptions options) : IFeedHistory
{
    /// <inheritdoc/>
    public long Oldest => door.OldestVersion;

    /// <inheritdoc/>
    /// <remarks>Only commits up to the feed's published version are read. These are replicated, so the reads need no fence.</remarks>
    public async ValueTask<bool> ReadAsync(LogCursor cursor, long position, long upTo, CommitReader read)
    {
        try
        {
            (_, long oldest, ChangeRows changes) = await ReadAsync(position, upTo, isFenced: false);
            if (position + 1 < oldest) return false;
            changes.Deliver(position, (version, records) => read(version, records));
            return true;
        }
        catch (Exception e) when (Failures.IsOfDatabase(e))
        {
            throw new StoreUnavailableException($"The database does not answer: {e.Message}", e);
        }
    }

    /// <summary>
    /// Reads the newest commit, the oldest version whose changes are kept, and the commits between two versions, without the first.
    /// </summary>
    public async Task<(CommitRow Newest, long Oldest, ChangeRows Changes)> ReadAsync(long after, long upTo, bool isFenced)
    {
        (CommitRow Newest, long Oldest, ChangeRows Changes) result = await snapshots.ReadAsync(
            isFenced ? TripKind.Feed : TripKind.CatchUp,
            trip =>
            {
                trip.Add(StoreSchema.OldestVersion);
                ChangeRows.AddTo(trip, after, upTo);
            },
            async (newest, rows) =>
            {
                await rows.NextResultAsync();
                await rows.ReadAsync();
                long oldest = rows.GetInt64(0);
                await rows.NextResultAsync();
                return (newest, oldest, await ChangeRows.ReadAsync(rows, Math.Min(upTo, newest.Version)));
            },
            isFenced, options.RequestTimeout);
        door.OldestVersion = result.Oldest;
        return result;
    }
}
