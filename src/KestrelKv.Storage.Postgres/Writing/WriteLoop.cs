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
/// <see cref="DurabilityLostException"/>: their results are void, and they may be executed again.
/// </para>
/// </remarks>
internal sealed class WriteLoop(SessionPool sessions, Door door, PostgresStoreOptions options, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(50);

    private readonly CallQueue _queue = new();
    private readonly ClaimResolver _resolver = new(sessions, door, options, logger);
    private Workspace _workspace = new(options);
    private Task _running = Task.CompletedTask;
    private long _sequence;
    private long _expirations;

    public CallQueue Queue => _queue;

    /// <summary>The number of expired entries that this door has removed.</summary>
    public long Expirations => Volatile.Read(ref _expirations);

    /// <summary>Is invoked after each acknowledged commit.</summary>
    public Action Committed { get; set; } = () => { };

    public void Start() => _running = Task.Run(RunAsync);

    /// <summary>Executes the remaining calls, and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Close();
        await _running;
        _workspace.Dispose();
    }

    private async Task RunAsync()
    {
        while (await _queue.TakeAsync() is { } group)
        {
            try
            {
                await ExecuteAsync(group);
                _workspace.Clear();
            }
            catch (Exception e)
            {
                // A bug, or no memory. The state of the workspace is unknown.
                foreach (StoreCall call in group) call.Fail(e);
                _workspace.Dispose();
                _workspace = new(options);
            }
        }
    }

    private async Task ExecuteAsync(List<StoreCall> group)
    {
        foreach (StoreCall call in group) call.AddKeys(_workspace.Keys);
        if (await BeginAsync(group) is not var (session, rows)) return;
        try
        {
            _workspace.Begin(rows.Newest, door.Clock.Now());
            rows.LoadInto(_workspace);
            foreach (StoreCall call in group)
            {
                await call.EvaluateAsync(_workspace);
                call.Wait();
            }
            var commit = new GroupCommit(door.Id, ++_sequence, rows.Newest, _workspace);
            await CommitAsync(group, session, commit);
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

    /// <summary>Executes the first trip. If the database does not answer in time, ends the calls and returns null.</summary>
    private async Task<(Session Session, GroupRows Rows)?> BeginAsync(List<StoreCall> group)
    {
        bool isSweep = group.Exists(call => call is SweepCall);
        long start = Stopwatch.GetTimestamp();
        for (Exception? last = null; ;)
        {
            TimeSpan left = options.RequestTimeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                var failure = new StoreUnavailableException(
                    $"The database does not answer; the request was not executed: {last?.Message}", last);
                foreach (StoreCall call in group) call.Fail(failure);
                return null;
            }
            Session? session = null;
            try
            {
                session = await sessions.RentAsync();
                CommitRow known = door.Known;
                GroupRows rows = await session.WithinAsync(ReadAsync(session, isSweep), left);
                door.Check(rows.Newest, known);
                return (session, rows);
            }
            catch (Exception e) when (Failures.IsOfDatabase(e))
            {
                // Nothing is changed. The server may restart, or another door may hold the lock for long.
                if (session is not null) await sessions.ReturnAsync(session);
                if (last is null) Log.Retried(logger, "The first trip of a write group", e.Message);
                last = e;
                await Task.Delay(RetryPause);
            }
        }
    }

    private async Task<GroupRows> ReadAsync(Session session, bool isSweep)
    {
        var rows = new GroupRows(_workspace.Keys, isSweep ? door.Clock.Now() : null);
        await using Trip trip = session.StartTrip();
        trip.Add("BEGIN ISOLATION LEVEL READ COMMITTED");
        session.AddLock(trip);
        rows.AddTo(trip);
        await using NpgsqlDataReader results = await trip.ReadAsync();
        await results.NextResultAsync(); // That of the lock.
        await rows.ReadAsync(results);
        return rows;
    }

    private async Task CommitAsync(List<StoreCall> group, Session session, GroupCommit commit)
    {
        bool? committed = true;
        try
        {
            session.ResetWarning();
            await session.WithinAsync(RunAsync(session, commit), options.RequestTimeout);
            if (session.HasWarning) throw new IOException("the server warned that the commit may not be replicated");
        }
        catch (Exception e) when (Failures.IsOfDatabase(e))
        {
            if (Failures.IsRefusal(e) || !commit.HasChanges)
            {
                Log.GroupRefused(logger, _sequence, e.Message);
                var refusal = new StoreUnavailableException($"The database refused the commit; nothing was changed: {e.Message}", e);
                foreach (StoreCall call in group) call.Fail(refusal);
                return;
            }
            committed = await _resolver.ResolveAsync(_sequence, e);
            if (committed is not true)
            {
                foreach (StoreCall call in group) call.Fail(Failure(committed, e));
                return;
            }
        }
        door.Observe(commit.After);
        Interlocked.Add(ref _expirations, _workspace.Log.Expirations);
        foreach (StoreCall call in group) call.Complete();
        if (commit.HasChanges) Committed();
    }

    private static Exception Failure(bool? committed, Exception cause) => committed is null
        ? new OutcomeUnknownException(
            $"The connection to the database failed during the commit, and its outcome is not known: {cause.Message}", cause)
        : new DurabilityLostException($"The connection to the database failed, and the commit was aborted: {cause.Message}");

    private static async Task<bool> RunAsync(Session session, GroupCommit commit)
    {
        await commit.ExecuteAsync(session);
        return true;
    }
}
