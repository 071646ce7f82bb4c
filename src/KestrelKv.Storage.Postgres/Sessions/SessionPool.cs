using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>The sessions of a door. Each new one must be on a primary whose history is that of the door. Thread-safe.</summary>
internal sealed class SessionPool : IAsyncDisposable
{
    /// <summary>The maximum number of idle sessions.</summary>
    private const int IdleMax = 8;

    private readonly PrimaryFinder _finder;
    private readonly Door _door;
    private readonly PostgresMetrics _metrics;
    private readonly TimeSpan _connectTimeout;
    private readonly string _lockName;
    private readonly ConcurrentBag<Session> _idle = [];
    private int _inUse;
    private int _abandoned;
    private volatile bool _isClosed;

    /// <param name="finder">Finds the primary. The pool owns it.</param>
    /// <param name="door">The door.</param>
    /// <param name="options">The options of the store.</param>
    /// <param name="metrics">The metrics of the store.</param>
    public SessionPool(PrimaryFinder finder, Door door, PostgresStoreOptions options, PostgresMetrics metrics)
    {
        (_finder, _door, _metrics, _connectTimeout) = (finder, door, metrics, options.ConnectTimeout);
        _lockName = $"kestrelkv:{options.Schema}";
        finder.Changed = () => _ = Task.Run(CloseIdleAsync);
    }

    public PostgresMetrics Metrics => _metrics;

    /// <summary>The numbers of sessions: those that run a trip, those that are idle, and those whose trips were abandoned.</summary>
    public (int InUse, int Idle, int Abandoned) Counts => (Volatile.Read(ref _inUse), _idle.Count, Volatile.Read(ref _abandoned));

    /// <summary>Returns an idle session of the primary, or opens one.</summary>
    /// <exception cref="TimeoutException">No session was free, or could be opened, in time.</exception>
    public async Task<Session> RentAsync(TripKind kind, TimeSpan timeout)
    {
        ObjectDisposedException.ThrowIf(_isClosed, typeof(PostgresStore));
        long start = Stopwatch.GetTimestamp();
        Primary primary = await _finder.GetAsync(timeout);
        SessionSlots slots = primary.Host.Slots;
        await EnterAsync(slots, kind, Left(), primary);
        Task<OpenedSession>? opening = null;
        try
        {
            Session? session = await TakeIdleAsync(primary);
            if (session is null)
            {
                opening = OpenAsync(primary);
                OpenedSession opened = await primary.WithinAsync(opening, Left() < _connectTimeout ? Left() : _connectTimeout);
                session = opened.Session;

                // A former primary also lacks newer commits. It acknowledges no fence.
                if (opened.LostHistory is { } newest)
                {
                    await FenceAsync(session, Left());
                    _door.Lose(newest, opened.Known);
                }
            }
            session.Kind = kind;
            Interlocked.Increment(ref _inUse);
            return session;
        }
        catch
        {
            if (opening is not null) _ = CloseAfterAsync(opening, slots, kind);
            else slots.Exit(kind);
            throw;
        }

        TimeSpan Left() => timeout - Stopwatch.GetElapsedTime(start);
    }

    /// <summary>Runs a trip on a session, both within the timeout.</summary>
    /// <exception cref="IOException">The server sent a warning: a COMMIT may have ended although no standby has it.</exception>
    public async Task<T> UseAsync<T>(TripKind kind, Func<Session, Task<T>> trip, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        Session session = await RentAsync(kind, timeout);
        try
        {
            session.ResetWarning();
            T result = await RunAsync(session, kind, trip(session), timeout - Stopwatch.GetElapsedTime(start));
            session.ThrowIfWarned();
            return result;
        }
        finally
        {
            await ReturnAsync(session);
        }
    }

    /// <summary>Waits for a trip on a rented session, and records its duration.</summary>
    public async Task<T> RunAsync<T>(Session session, TripKind kind, Task<T> trip, TimeSpan timeout)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            return await session.WithinAsync(trip, timeout);
        }
        finally
        {
            _metrics.RecordTrip(kind, Stopwatch.GetElapsedTime(start));
        }
    }

    /// <summary>
    /// Ends the transaction of a door that stopped while it held the writer lock, if a part of its trip has arrived: see
    /// <see cref="Session.EndStuckHolderAsync"/>.
    /// </summary>
    public async Task EndStuckHolderAsync(ILogger logger)
    {
        if (await UseAsync(TripKind.Begin, session => session.EndStuckHolderAsync(), _connectTimeout)) Log.StuckHolderEnded(logger);
    }

    public async ValueTask ReturnAsync(Session session)
    {
        (SessionSlots slots, TripKind kind) = (session.Primary!.Host.Slots, session.Kind);
        Interlocked.Decrement(ref _inUse);
        if (session.Abandoned is { } abandoned)
        {
            _ = ExitAfterAsync(abandoned, slots, kind);
            return;
        }
        try
        {
            if (!session.IsReusable || _isClosed || _idle.Count >= IdleMax) await session.DisposeAsync();
            else _idle.Add(session);
        }
        finally
        {
            slots.Exit(kind);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _isClosed = true;
        await CloseIdleAsync();
        await _finder.DisposeAsync();
        _metrics.Close();
    }

    private static async Task EnterAsync(SessionSlots slots, TripKind kind, TimeSpan timeout, Primary primary)
    {
        try
        {
            await slots.EnterAsync(kind, timeout, primary.Lost);
        }
        catch (OperationCanceledException e)
        {
            throw new IOException($"{primary.Host.Name} is no longer the primary", e);
        }
    }

    private async Task<Session?> TakeIdleAsync(Primary primary)
    {
        while (_idle.TryTake(out Session? idle))
        {
            if (idle.IsReusable && idle.Primary == primary) return idle;
            await idle.DisposeAsync();
        }
        return null;
    }

    private async Task CloseIdleAsync()
    {
        while (_idle.TryTake(out Session? session)) await session.DisposeAsync();
    }

    private static async Task FenceAsync(Session session, TimeSpan timeout)
    {
        session.ResetWarning();
        await session.WithinAsync(RunAsync(), timeout);
        session.ThrowIfWarned();

        async Task<bool> RunAsync()
        {
            await session.FenceAsync();
            return true;
        }
    }

    /// <summary>Opens a session, and verifies the role and the history of its server.</summary>
    private async Task<OpenedSession> OpenAsync(Primary primary)
    {
        CommitRow known = _door.Known;
        Session session = await primary.Host.OpenAsync(primary, _lockName);
        try
        {
            return new(session, known, await CheckAsync(session, primary.Host, known));
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Verifies that the server accepts writes, and that the database still has a commit, unless it was deleted for its age.
    /// </summary>
    /// <returns>The newest commit if the database lacks the known one; otherwise null.</returns>
    private static async Task<CommitRow?> CheckAsync(Session session, Host host, CommitRow known)
    {
        ServerState state;
        CommitRow newest = default;
        object? id = null;
        long oldest = 0;
        await using (Trip trip = session.StartTrip())
        {
            ServerState.AddTo(trip);

            // Without a known commit, the tables may not exist.
            if (known.Version != 0)
            {
                trip.Add(CommitRow.Newest);
                trip.Add("SELECT id FROM commits WHERE last_version = $1", Parameter.Of(known.Version));
                trip.Add("SELECT last_version FROM commits ORDER BY last_version LIMIT 1");
            }
            await using NpgsqlDataReader rows = await trip.ReadAsync();
            state = await ServerState.ReadAsync(rows);
            if (known.Version != 0)
            {
                await rows.NextResultAsync();
                newest = await rows.ReadNewestAsync();
                await rows.NextResultAsync();
                if (await rows.ReadAsync()) id = rows.GetGuid(0);
                await rows.NextResultAsync();
                if (await rows.ReadAsync()) oldest = rows.GetInt64(0);
            }
        }
        if (!state.IsPrimary) throw new NoPrimaryException([new(host, state, null)]);
        bool isDeleted = id is null && oldest > known.Version;
        return known.Version != 0 && !isDeleted && !known.Id.Equals(id) ? newest : null;
    }

    private async Task CloseAfterAsync(Task<OpenedSession> opening, SessionSlots slots, TripKind kind)
    {
        await ExitAfterAsync(CloseAsync(), slots, kind);

        async Task CloseAsync() => await (await opening).Session.DisposeAsync();
    }

    private async Task ExitAfterAsync(Task abandoned, SessionSlots slots, TripKind kind)
    {
        Interlocked.Increment(ref _abandoned);
        await abandoned.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Interlocked.Decrement(ref _abandoned);
        slots.Exit(kind);
    }

    /// <param name="Session">The session.</param>
    /// <param name="Known">The newest commit that the door knew before.</param>
    /// <param name="LostHistory">The newest commit of the database if it lacks that one; otherwise null.</param>
    private readonly record struct OpenedSession(Session Session, CommitRow Known, CommitRow? LostHistory);
}
