using KestrelKv.Storage.Feed;
using KestrelKv.Storage.Postgres.Sessions;
using Npgsql;

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
        int losses = door.Losses;
        (_, long oldest, ChangeRows changes) = await snapshots.RepeatAsync(
            TripKind.CatchUp, trip => Add(trip, position, upTo), (newest, rows) => ReadAsync(newest, rows, upTo), isFenced: false,
            options.RequestTimeout);
        door.OldestVersion = oldest;
        if (position + 1 < oldest || door.Losses != losses) return false;
        changes.Deliver(position, (version, records) => read(version, records));
        return true;
    }

    /// <summary>Reads the newest commit, the oldest version whose changes are kept, and the commits after a version.</summary>
    public async Task<(CommitRow Newest, long Oldest, ChangeRows Changes)> ReadNewAsync(long after)
    {
        (CommitRow Newest, long Oldest, ChangeRows Changes) read = await snapshots.ReadAsync(
            TripKind.Feed, trip => Add(trip, after, long.MaxValue), (newest, rows) => ReadAsync(newest, rows, long.MaxValue), isFenced: true,
            options.RequestTimeout);
        door.OldestVersion = read.Oldest;
        return read;
    }

    private static void Add(Trip trip, long after, long upTo)
    {
        trip.Add(StoreSchema.OldestVersion);
        ChangeRows.AddTo(trip, after, upTo);
    }

    private static async Task<(CommitRow Newest, long Oldest, ChangeRows Changes)> ReadAsync(CommitRow newest, NpgsqlDataReader rows, long upTo)
    {
        await rows.NextResultAsync();
        await rows.ReadAsync();
        long oldest = rows.GetInt64(0);
        await rows.NextResultAsync();
        return (newest, oldest, await ChangeRows.ReadAsync(rows, Math.Min(upTo, newest.Version)));
    }
}
