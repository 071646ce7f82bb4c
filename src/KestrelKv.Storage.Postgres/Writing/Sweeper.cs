using System.Diagnostics;
using KestrelKv.Storage.Postgres.Sessions;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>Removes expired entries, and old rows of the tables that grow with each group.</summary>
internal sealed class Sweeper : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CleanPeriod = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The time for which claims of aborted groups are kept. A transaction that arrives later could commit a group whose calls have failed.
    /// </summary>
    private static readonly TimeSpan ClaimRetention = TimeSpan.FromDays(1);

    /// <summary>The maximum number of rows of <c>commits</c> deleted in one transaction, together with their changes.</summary>
    private const long CleanRows = 1_000;

    private readonly SessionPool _sessions;
    private readonly Door _door;
    private readonly CallQueue _queue;
    private readonly PostgresStoreOptions _options;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private long _cleanedAt = Stopwatch.GetTimestamp();
    private bool _isDisposed;

    public Sweeper(
        SessionPool sessions, Door door, CallQueue queue, PostgresStoreOptions options, ILogger logger, TimeProvider time)
    {
        (_sessions, _door, _queue, _options, _logger) = (sessions, door, queue, options, logger);
        _timer = time.CreateTimer(static sweeper => ((Sweeper)sweeper!).Tick(), this, Period, Period);
    }

    /// <summary>The last sweep.</summary>
    public Task Sweeping { get; private set; } = Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        lock (_lock) _isDisposed = true;
        await Sweeping;
    }

    /// <summary>Deletes the oldest changes, commits and claims. Returns whether there may be more.</summary>
    internal Task<bool> CleanAsync() => _sessions.UseAsync(TripKind.Sweep, CleanAsync, _options.ResolveTimeout);

    private void Tick()
    {
        lock (_lock)
        {
            if (!_isDisposed && Sweeping.IsCompleted) Sweeping = SweepAsync();
        }
    }

    private async Task SweepAsync()
    {
        try
        {
            while (await HasExpiredAsync())
            {
                using var sweep = new SweepCall();
                _queue.Add(sweep);
                if (await sweep.Completion < SweepCall.EntriesMax) break;
            }
            if (Stopwatch.GetElapsedTime(_cleanedAt) < CleanPeriod) return;
            _cleanedAt = Stopwatch.GetTimestamp();
            while (await CleanAsync())
            {
            }
        }
        catch (Exception e)
        {
            // The next tick tries again. Expired entries are invisible until then.
            if (!_isDisposed) Log.Retried(_logger, "The removal of expired entries", e.Message);
        }
    }

    /// <summary>Looks for expired entries without the writer lock.</summary>
    private async Task<bool> HasExpiredAsync()
    {
        object? first = await _sessions.UseAsync(
            TripKind.Sweep, session => session.ScalarAsync("SELECT min(expires_at) FROM entries WHERE expires_at > 0"),
            _options.RequestTimeout);
        return first is long time && time <= _door.Clock.Now();
    }

    /// <remarks>
    /// A snapshot has either the rows or the higher <c>oldest_version</c>. Write groups continue meanwhile. The lock on the row of
    /// <c>meta</c> excludes other doors. The newest commit is always kept: the next version follows from it.
    /// </remarks>
    private async Task<bool> CleanAsync(Session session)
    {
        long now = _door.Clock.Now();
        await session.ExecuteAsync("BEGIN");
        await session.ScalarAsync("SELECT oldest_version FROM meta FOR UPDATE");
        object? last = await session.ScalarAsync(
            """
            SELECT max(last_version) FROM (SELECT last_version, clock FROM commits ORDER BY last_version LIMIT $1) AS oldest
            WHERE clock < $2 AND last_version < (SELECT max(last_version) FROM commits)
            """,
            Parameter.Of(CleanRows), Parameter.Of(now - (long)_options.FeedRetention.TotalMilliseconds));
        long deleted = 0;
        if (last is long version)
        {
            deleted = (long)(await session.ScalarAsync(
                "WITH gone AS (DELETE FROM commits WHERE last_version <= $1 RETURNING 1) SELECT count(*) FROM gone",
                Parameter.Of(version)))!;
            await session.ScalarAsync("DELETE FROM changes WHERE version <= $1", Parameter.Of(version));
            await session.ScalarAsync("UPDATE meta SET oldest_version = $1", Parameter.Of(version + 1));
        }
        await session.ScalarAsync(
            "DELETE FROM claims WHERE clock < $1", Parameter.Of(now - (long)ClaimRetention.TotalMilliseconds));
        await session.ExecuteAsync("COMMIT");
        return deleted == CleanRows;
    }
}
