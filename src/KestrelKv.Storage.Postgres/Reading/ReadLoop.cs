using System.Diagnostics;
using KestrelKv.Storage.Postgres.Sessions;
using KestrelKv.Storage.Postgres.Writing;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Reading;

/// <summary>Executes the calls that only read, in groups: one snapshot and one trip for each group.</summary>
/// <remarks>
/// A snapshot may contain a commit that no standby has yet, and this server may have been superseded. The results are therefore used only
/// after a fence (<see cref="Trip.AddFence"/>). Calls that waive the fence have a loop of their own, so that they do not wait for
/// others. The next group gathers meanwhile.
/// </remarks>
internal sealed class ReadLoop(SessionPool sessions, Door door, PostgresStoreOptions options, bool isFenced) : IAsyncDisposable
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(50);

    private Workspace _workspace = new(options);
    private Task _running = Task.CompletedTask;

    public CallQueue Queue { get; } = new();

    public void Start() => _running = Task.Run(RunAsync);

    /// <summary>Executes the remaining calls, and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        Queue.Close();
        await _running;
        _workspace.Dispose();
    }

    private async Task RunAsync()
    {
        while (await Queue.TakeAsync() is { } group)
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
        if (await ReadAsync(group) is not { } rows) return;
        _workspace.Begin(rows.Newest, door.Clock.Now());
        rows.LoadInto(_workspace);
        foreach (StoreCall call in group)
        {
            await call.EvaluateAsync(_workspace);
            call.Complete();
        }
    }

    /// <summary>Reads the entries of a group. If the database does not answer in time, ends the calls and returns null.</summary>
    private async Task<GroupRows?> ReadAsync(List<StoreCall> group)
    {
        long start = Stopwatch.GetTimestamp();
        for (Exception? last = null; ;)
        {
            TimeSpan left = options.RequestTimeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                var failure = new StoreUnavailableException($"The database does not answer: {last?.Message}", last);
                foreach (StoreCall call in group) call.Fail(failure);
                return null;
            }
            Session? session = null;
            try
            {
                session = await sessions.RentAsync();
                CommitRow known = door.Known;
                session.ResetWarning();
                GroupRows rows = await session.WithinAsync(ReadAsync(session), left);
                if (session.HasWarning) continue;
                door.Check(rows.Newest, known);
                if (isFenced) door.Observe(rows.Newest);
                return rows;
            }
            catch (Exception e) when (Failures.IsOfDatabase(e))
            {
                last = e;
                await Task.Delay(RetryPause);
            }
            finally
            {
                if (session is not null) await sessions.ReturnAsync(session);
            }
        }
    }

    private async Task<GroupRows> ReadAsync(Session session)
    {
        var rows = new GroupRows(_workspace.Keys, expiredAt: null);
        await using Trip trip = session.StartTrip();
        trip.Add("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
        rows.AddTo(trip);
        if (isFenced) trip.AddFence();
        trip.Add("COMMIT");
        await using NpgsqlDataReader results = await trip.ReadAsync();
        await rows.ReadAsync(results);
        while (await results.NextResultAsync())
        {
        }
        return rows;
    }
}
