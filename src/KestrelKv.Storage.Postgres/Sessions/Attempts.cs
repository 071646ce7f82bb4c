using System.Diagnostics;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Repeats work that failed because of the database.</summary>
internal static class Attempts
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Repeats an attempt, which changes nothing if it fails, until it succeeds or the time is up.</summary>
    /// <param name="attempt">The attempt. Receives the time that is left.</param>
    /// <param name="timeout">The time.</param>
    /// <param name="metrics">Counts the repetitions.</param>
    /// <param name="onFailure">Is invoked after the first failure.</param>
    /// <param name="cancellationToken">Cancels the pauses between attempts.</param>
    /// <exception cref="StoreUnavailableException">The time is up.</exception>
    public static async Task<T> RepeatAsync<T>(
        Func<TimeSpan, Task<T>> attempt, TimeSpan timeout, PostgresMetrics metrics, Action<Exception>? onFailure = null,
        CancellationToken cancellationToken = default)
    {
        long start = Stopwatch.GetTimestamp();
        for (Exception? last = null; ;)
        {
            TimeSpan left = timeout - Stopwatch.GetElapsedTime(start);
            if (left <= TimeSpan.Zero) throw Failure(last);
            try
            {
                return await attempt(left);
            }
            catch (Exception e) when (Failures.IsOfDatabase(e))
            {
                // The server may restart, or another door may hold the lock for long.
                if (last is null) onFailure?.Invoke(e);
                // A refusal says more than the end of the time.
                if (last is not PostgresException || e is not TimeoutException) last = e;
                metrics.CountRetry();
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    private static StoreUnavailableException Failure(Exception? last) => new(
        $"The database {(last is PostgresException ? "refuses" : "does not answer")}; the request was not executed: " +
        $"{(last is null ? "the time is up" : Failures.Reason(last))}.",
        last);
}
