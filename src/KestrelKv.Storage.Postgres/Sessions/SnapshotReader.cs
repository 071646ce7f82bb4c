using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Reads snapshots of the database, and checks that their history is that of the door.</summary>
internal sealed class SnapshotReader(SessionPool sessions, Door door)
{
    /// <summary>Returns the newest commit.</summary>
    public Task<CommitRow> ReadNewestAsync(TripKind kind, bool isFenced, TimeSpan timeout) =>
        ReadAsync(kind, _ => { }, (newest, _) => Task.FromResult(newest), isFenced, timeout);

    /// <summary>Reads one snapshot in one trip.</summary>
    /// <param name="kind">The purpose.</param>
    /// <param name="add">Adds statements to the trip.</param>
    /// <param name="read">
    /// Reads their results. Receives the newest commit of the snapshot, and a reader whose next result is that of the first statement.
    /// </param>
    /// <param name="isFenced">Whether the result is returned after a fence: see <see cref="Trip.AddFence"/>.</param>
    /// <param name="timeout">The time after which the trip is abandoned.</param>
    public async Task<T> ReadAsync<T>(
        TripKind kind, Action<Trip> add, Func<CommitRow, NpgsqlDataReader, Task<T>> read, bool isFenced, TimeSpan timeout)
    {
        (T result, CommitRow newest, CommitRow known) = await sessions.UseAsync(
            kind, session => ReadAsync(session, add, read, isFenced), timeout);
        door.Check(newest, known);
        if (!isFenced) return result;
        door.Observe(newest);
        sessions.Metrics.CountFence();
        return result;
    }

    /// <summary>Reads one snapshot, and repeats the trip after failures: see <see cref="Attempts"/>.</summary>
    /// <exception cref="StoreUnavailableException">The time is up.</exception>
    public Task<T> RepeatAsync<T>(
        TripKind kind, Action<Trip> add, Func<CommitRow, NpgsqlDataReader, Task<T>> read, bool isFenced, TimeSpan timeout,
        CancellationToken cancellationToken = default) =>
        Attempts.RepeatAsync(
            left => ReadAsync(kind, add, read, isFenced, left), timeout, sessions.Metrics, cancellationToken: cancellationToken);

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
        while (await rows.NextResultAsync())
        {
        }
        return (result, newest, known);
    }
}
