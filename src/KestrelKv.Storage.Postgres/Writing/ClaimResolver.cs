using System.Diagnostics;
using KestrelKv.Storage.Postgres.Sessions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>Determines the outcome of a write group whose COMMIT was not acknowledged.</summary>
/// <remarks>
/// <para>
/// A look-up is not enough: the backend of the group may still live, and commit after the look-up. The resolver therefore inserts the
/// group's claim as aborted. If that succeeds, the group can no longer commit, because its own claim would violate the primary key. If the
/// claim exists, the group has committed. While the group's transaction is open, the insertion waits for its end.
/// </para>
/// <para>
/// A claim may be visible and not replicated, if the wait for the standby was interrupted. The resolver's transaction is therefore fenced:
/// its outcome counts after its own COMMIT is acknowledged. It may be repeated.
/// </para>
/// </remarks>
internal sealed class ClaimResolver(SessionPool sessions, Door door, PostgresStoreOptions options, ILogger logger)
{
    /// <summary>Returns whether the group was committed; null if that could not be determined in time.</summary>
    public async Task<bool?> ResolveAsync(long sequence, Exception cause)
    {
        Log.OutcomeUnknown(logger, sequence, Failures.Reason(cause));
        long start = Stopwatch.GetTimestamp();
        try
        {
            bool committed = await Attempts.RepeatAsync(
                left => TryClaimAsync(sequence, left), options.ResolveTimeout, sessions.Metrics);
            sessions.Metrics.CountOutcome(committed ? GroupOutcome.Committed : GroupOutcome.Aborted);
            Log.OutcomeResolved(logger, sequence, committed ? "committed" : "aborted", Stopwatch.GetElapsedTime(start).TotalSeconds);
            return committed;
        }
        catch (StoreUnavailableException e)
        {
            sessions.Metrics.CountOutcome(GroupOutcome.Unknown);
            Log.OutcomeUnresolved(logger, sequence, options.ResolveTimeout.TotalSeconds, Failures.Reason(e));
            return null;
        }
    }

    private async Task<bool> TryClaimAsync(long sequence, TimeSpan timeout)
    {
        try
        {
            return await sessions.UseAsync(TripKind.Resolve, session => ClaimAsync(session, sequence), timeout);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            // The transaction of the group is open: a part of its second trip has arrived.
            await sessions.EndStuckHolderAsync(logger);
            throw;
        }
    }

    private async Task<bool> ClaimAsync(Session session, long sequence)
    {
        await using Trip trip = session.StartTrip();
        trip.Add(Trip.Begin);
        trip.Add(
            "INSERT INTO claims VALUES ($1, $2, false, $3) ON CONFLICT DO NOTHING",
            Parameter.Of(door.Id), Parameter.Of(sequence), Parameter.Of(door.Clock.Now()));
        trip.Add("SELECT committed FROM claims WHERE door = $1 AND seq = $2", Parameter.Of(door.Id), Parameter.Of(sequence));
        trip.AddFence();
        trip.Add("COMMIT");
        await using NpgsqlDataReader rows = await trip.ReadAsync();
        if (!await rows.ReadAsync()) throw new InvalidOperationException($"The claim of write group {sequence} is missing.");
        bool committed = rows.GetBoolean(0);
        await rows.DrainAsync();
        return committed;
    }
}
