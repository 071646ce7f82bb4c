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

    /// <summary>The maximum number of rows of <c>commits</c>, or of <c>claims</c>, deleted in one transaction.</summary>
    private const long CleanRows = 1_000;

    /// <summary>The maximum number of changes deleted in one transaction.</summary>
    private const long CleanChanges = 10_000;

    /// <summary>The size of the changes deleted in one transaction, in bytes, which one more commit may exceed: 64 MiB.</summary>
    private const long CleanBytes = 64 * 1024 * 1024;

    internal const string FirstExpiry = "SELECT min(expires_at) FROM entries WHERE expires_at > 0";

    /// <summary>The version before the first change that is beyond the limits of a transaction.</summary>
    internal const string Cleanable =
        """
        SELECT version - 1 FROM (
            SELECT version, row_number() OVER w AS n, sum(octet_length(records)) OVER w - octet_length(records) AS before
            FROM (SELECT version, records FROM changes ORDER BY version LIMIT $1 + 1) AS oldest WINDOW w AS (ORDER BY version)) AS sized
        WHERE n > $1 OR before >= $2 ORDER BY version LIMIT 1
        """;

    private readonly SessionPool _sessions;
    private readonly Door _door;
    private readonly GroupWriter _writer;
    private readonly CallQueue _queue;
    private readonly PostgresStoreOptions _options;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private long _cleanedAt = Stopwatch.GetTimestamp();
    private volatile bool _isDisposed;
    private bool _isFailing;

    public Sweeper(
        SessionPool sessions, Door door, GroupWriter writer, CallQueue queue, PostgresStoreOptions options, ILogger logger, TimeProvider time)
    {
        (_sessions, _door, _writer, _queue, _options, _logger) = (sessions, door, writer, queue, options, logger);
        _timer = time.CreateTimer(
            static sweeper => ((Sweeper)sweeper!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The last sweep.</summary>
    public Task Sweeping { get; private set; } = Task.CompletedTask;

    /// <summary>Begins to sweep periodically.</summary>
    public void Start() => _timer.Change(Period, Period);

    public async ValueTask DisposeAsync()
    {
        lock (_lock) _isDisposed = true;
        await _timer.DisposeAsync();
        await Sweeping;
    }

    /// <summary>Deletes the oldest changes, commits and claims. Returns whether there may be more.</summary>
    internal async Task<bool> CleanAsync()
    {
        (bool more, long? oldest) = await _sessions.UseAsync(TripKind.Sweep, CleanAsync, _options.ResolveTimeout);
        if (oldest is { } version) _door.OldestVersion = version;
        return more;
    }

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
            // While writes fail, a sweep finds out whether they still do.
            while (_writer.Failure is not null || await HasExpiredAsync())
            {
                using var sweep = new SweepCall();
                _queue.Add(sweep);
                if (await sweep.Completion < SweepCall.EntriesMax) break;
            }
            _isFailing = false;
            if (Stopwatch.GetElapsedTime(_cleanedAt) < CleanPeriod) return;
            _cleanedAt = Stopwatch.GetTimestamp();
            while (!_isDisposed && await CleanAsync())
            {
            }
        }
        catch (Exception e)
        {
            // The next tick tries again. Expired entries are invisible until then.
            if (!_isDisposed && !_isFailing) Log.Retried(_logger, "The removal of expired entries", Failures.Reason(e));
            _isFailing = true;
        }
    }

    /// <summary>Looks for expired entries, without the writer lock, and for the progress of other doors that delete old rows.</summary>
    private async Task<bool> HasExpiredAsync()
    {
        (object? oldest, object? first) = await _sessions.UseAsync(
            TripKind.Sweep,
            async session => (await session.ScalarAsync(StoreSchema.OldestVersion), await session.ScalarAsync(FirstExpiry)),
            _options.RequestTimeout);
        _door.OldestVersion = (long)oldest!;
        return first is long time && time <= _door.Clock.Now();
    }

    /// <remarks>
    /// A snapshot has either the rows or the higher <c>oldest_version</c>. Write groups continue meanwhile: they only insert into these
    /// tables. The lock on the row of <c>meta</c> excludes other doors. The newest commit is always kept: the next version follows from it.
    /// </remarks>
    private async Task<(bool More, long? Oldest)> CleanAsync(Session session)
    {
        long now = _door.Clock.Now();
        bool more = false;
        long? oldest = null;
        await session.ExecuteAsync(Trip.Begin);
        await session.ScalarAsync("SELECT oldest_version FROM meta FOR UPDATE");
        object? old = await session.ScalarAsync(
            """
            SELECT max(last_version) FROM (SELECT last_version, clock FROM commits ORDER BY last_version LIMIT $1) AS oldest
            WHERE clock < $2 AND last_version < (SELECT max(last_version) FROM commits)
            """,
            Parameter.Of(CleanRows), Parameter.Of(now - (long)_options.FeedRetention.TotalMilliseconds));
        if (old is long last)
        {
            // A version within a group may be the last one. The row of the group then remains.
            long version = Math.Min(last, await CleanableAsync(session));
            long deleted = (long)(await session.ScalarAsync(
                "WITH gone AS (DELETE FROM commits WHERE last_version <= $1 RETURNING 1) SELECT count(*) FROM gone",
                Parameter.Of(version)))!;
            more = version < last || deleted == CleanRows;
            await session.ScalarAsync("DELETE FROM changes WHERE version <= $1", Parameter.Of(version));
            oldest = version + 1;
            await session.ScalarAsync("UPDATE meta SET oldest_version = $1", Parameter.Of(version + 1));
        }
        await session.ExecuteAsync("COMMIT");

        // A statement of its own, because write groups delete claims too. The clock of this door may have jumped.
        await session.ScalarAsync(
            """
            DELETE FROM claims WHERE (door, seq) IN (
                SELECT door, seq FROM claims WHERE clock < least($1, extract(epoch FROM clock_timestamp())::bigint * 1000 - $3)
                LIMIT $2 FOR UPDATE SKIP LOCKED)
            """,
            Parameter.Of(now - (long)ClaimRetention.TotalMilliseconds), Parameter.Of(CleanRows),
            Parameter.Of((long)ClaimRetention.TotalMilliseconds));
        return (more, oldest);
    }

    /// <summary>Returns the version up to which one transaction may delete changes.</summary>
    private static async Task<long> CleanableAsync(Session session) =>
        await session.ScalarAsync(Cleanable, Parameter.Of(CleanChanges), Parameter.Of(CleanBytes)) is long version
            ? version : long.MaxValue;
}
