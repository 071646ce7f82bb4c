using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Reads snapshots of the database, and checks that their history is that of the door.</summary>
internal sealed class SnapshotReader(SessionPool sessions, Door door)
{
    /// <summary>Returns the newest commit.</summary>
    public Task<CommitRow> ReadNewestAsync(bool isFenced, TimeSpan timeout) =>
        ReadAsync(_ => { }, (newest, _) => Task.FromResult(newest), isFenced, timeout);

    /// <summary>Reads one snapshot in one trip.</summary>
    /// <param name="add">Adds statements to the trip.</param>
    /// <param name="read">
    /// Reads their results. Receives the newest commit of the snapshot, and a reader whose next result is that of the first statement.
    /// </param>
    /// <param name="isFenced">Whether the result is returned after a fence: see <see cref="Trip.AddFence"/>.</param>
    /// <param name="timeout">The time after which the trip is abandoned.</param>
    public async Task<T> ReadAsync<T>(
        Action<Trip> add, Func<CommitRow, NpgsqlDataReader, Task<T>> read, bool isFenced, TimeSpan timeout)
    {
        (T result, CommitRow newest, CommitRow known) = await sessions.UseAsync(
            session => ReadAsync(session, add, read, isFenced), timeout);
        door.Check(newest, known);
        if (isFenced) door.Observe(newest);
        return result;
    }

    private async Task<(T Result, CommitRow Newest, CommitRow Known)> ReadAsync<T>(
        Session session, Action<Trip> add, Func<CommitRow, NpgsqlDataReader, Task<T>> read, bool isFenced)
    {
        CommitRow known = door.Known;
        await using Trip trip = session.StartTrip();
        trip.Add("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
        trip.Add(CommitRow.Newest);
        add(trip);
        if (isFenced) trip.AddFence();
        trip.Add("COMMIT");
        await using NpgsqlDataReader rows = await trip.ReadAsync();
        CommitRow newest = await rows.ReadNewestAsync();
        T result = await read(newest, rows);
        await rows.DrainAsync();
        return (result, newest, known);
    }
}
