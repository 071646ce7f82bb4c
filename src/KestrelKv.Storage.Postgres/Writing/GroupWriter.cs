using System.Diagnostics;
using KestrelKv.Storage.Postgres.Sessions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>Executes the calls that write, in groups: one transaction of two trips for each group.</summary>
/// <remarks>
/// <para>
/// The first trip acquires the writer lock of the store and then reads. In READ COMMITTED, each statement has a snapshot of its own. The
/// lock must be a statement of its own: the snapshot of a statement that waits for a lock is older than the lock. All doors write under
/// this lock, so versions are dense and no update is lost. Then the calls run on the workspace, and their sinks receive the results. The
/// second trip writes the changes and commits. The next group gathers meanwhile.
/// </para>
/// <para>
/// A failure of the first trip changes nothing, and the trip is repeated until the calls are late. After a failure of the second trip,
/// <see cref="ClaimResolver"/> determines the outcome. If the group was aborted, its calls fail with
/// <see cref="StoreUnavailableException"/>: their results are void, and they may be executed again.
/// </para>
/// </remarks>
internal sealed class GroupWriter(SessionPool sessions, Door door, PostgresStoreOptions options, ILogger logger)
{
    private readonly ClaimResolver _resolver = new(sessions, door, options, logger);
    private long _sequence;
    private long _expirations;
    private volatile string? _failure;

    /// <summary>Why the last write group could not begin; null if it did. <see cref="Sweeper"/> makes attempts until one begins.</summary>
    public string? Failure => _failure;

    /// <summary>The number of expired entries that this door has removed.</summary>
    public long Expirations => Volatile.Read(ref _expirations);

    /// <summary>Is invoked after each acknowledged commit.</summary>
    public Action Committed { get; init; } = () => { };

    public async Task ExecuteAsync(List<StoreCall> group, Workspace workspace)
    {
        sessions.Metrics.RecordWriteGroup(group.Sum(call => call.Operations));
        bool isSweep = group.Exists(call => call is SweepCall);
        (Session session, CommitRow newest, GroupRows rows) = await BeginPatientlyAsync(workspace.Keys, isSweep);
        try
        {
            workspace.Begin(newest, door.Clock.Now());
            rows.LoadInto(workspace);
            List<StoreCall> finished = [];
            foreach (StoreCall call in group)
            {
                if (finished.Count > 0 && workspace.Log.IsFull) break; // The others follow in the next trip.
                if (await call.TryRunAsync(workspace)) finished.Add(call);
            }
            await CommitAsync(finished, session, new GroupCommit(door.Id, ++_sequence, newest, workspace), workspace);
        }
        catch
        {
            session.Break();
            throw;
        }
        finally
        {
            await sessions.ReturnAsync(session);
        }
    }

    private async Task<(Session Session, CommitRow Newest, GroupRows Rows)> BeginPatientlyAsync(GroupKeys keys, bool isSweep)
    {
        try
        {
            (Session, CommitRow, GroupRows) begun = await Attempts.RepeatAsync(
                left => BeginAsync(keys, isSweep, left), options.RequestTimeout, sessions.Metrics,
                e => Log.Retried(logger, "The first trip of a write group", Failures.Reason(e)));
            _failure = null;
            return begun;
        }
        catch (StoreUnavailableException e)
        {
            _failure = e.Message;
            throw;
        }
    }

    /// <summary>Executes the first trip. Its session remains in the transaction.</summary>
    private async Task<(Session Session, CommitRow Newest, GroupRows Rows)> BeginAsync(GroupKeys keys, bool isSweep, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        Session session = await sessions.RentAsync(TripKind.Begin, timeout);
        try
        {
            CommitRow known = door.Known;
            (CommitRow newest, GroupRows rows) = await sessions.RunAsync(
                session, TripKind.Begin, ReadAsync(session, keys, isSweep), timeout - Stopwatch.GetElapsedTime(start));
            door.Check(newest, known);
            return (session, newest, rows);
        }
        catch (Exception e)
        {
            await sessions.ReturnAsync(session);
            if (e is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable }) await sessions.EndStuckHolderAsync(logger);
            throw;
        }
    }

    private async Task<(CommitRow Newest, GroupRows Rows)> ReadAsync(Session session, GroupKeys keys, bool isSweep)
    {
        var rows = new GroupRows(keys, options, isSweep ? door.Clock.Now() : null);
        await using Trip trip = session.StartTrip();
        trip.Add(Trip.Begin);
        session.AddLock(trip);
        trip.Add(CommitRow.Newest);
        rows.AddTo(trip);
        await using NpgsqlDataReader results = await trip.ReadAsync();
        await results.NextResultAsync(); // That of the lock.
        CommitRow newest = await results.ReadNewestAsync();
        await rows.ReadAsync(results);
        return (newest, rows);
    }

    private async Task CommitAsync(List<StoreCall> group, Session session, GroupCommit commit, Workspace workspace)
    {
        bool? committed = true;
        try
        {
            session.ResetWarning();
            await sessions.RunAsync(session, TripKind.Commit, RunAsync(session, commit), options.RequestTimeout);
            session.ThrowIfWarned();
        }
        catch (Exception e) when (Failures.IsOfDatabase(e))
        {
            if (Failures.IsRefusal(e) || !commit.HasChanges)
            {
                Log.GroupRefused(logger, _sequence, Failures.Reason(e));
                var refusal = new StoreUnavailableException($"The database refused the commit; nothing was changed: {Failures.Reason(e)}", e);
                foreach (StoreCall call in group) call.Fail(refusal);
                return;
            }
            committed = await _resolver.ResolveAsync(_sequence, e);
            if (committed is not true)
            {
                foreach (StoreCall call in group) call.Fail(FailureOf(committed, e));
                return;
            }
        }
        door.Observe(commit.After);
        Interlocked.Add(ref _expirations, workspace.Log.Expirations);
        foreach (StoreCall call in group) call.Complete();
        if (commit.HasChanges) Committed();
        else sessions.Metrics.CountFence();
    }

    private static StoreFailureException FailureOf(bool? committed, Exception cause) => committed is null
        ? new OutcomeUnknownException(
            $"The connection to the database failed during the commit, and its outcome is not known: {Failures.Reason(cause)}", cause)
        : new StoreUnavailableException(
            $"The connection to the database failed, and the commit was aborted: {Failures.Reason(cause)}", cause, mayRepeat: true);

    private static async Task<bool> RunAsync(Session session, GroupCommit commit)
    {
        await commit.ExecuteAsync(session);
        return true;
    }
}
