using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Classifies the exceptions of trips.</summary>
internal static class Failures
{
    /// <summary>Whether the exception is a failure of the database or of the connection, not a bug.</summary>
    public static bool IsOfDatabase(Exception e) =>
        e is NpgsqlException or TimeoutException or IOException or SocketException or AuthenticationException or NoPrimaryException;

    /// <summary>
    /// Whether the server may no longer be the primary: the connection failed, the trip took too long, or the server is shutting down,
    /// starting or read-only. Other errors of statements are no reason.
    /// </summary>
    public static bool SuspectsPrimary(Exception e) => e is PostgresException error
        ? error.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction || error.SqlState.StartsWith("57P0", StringComparison.Ordinal)
            || error.SqlState.StartsWith("08", StringComparison.Ordinal)
        : IsOfDatabase(e);

    /// <summary>Returns the reason of a failed connection or trip in one line.</summary>
    public static string Reason(Exception e)
    {
        while (e is not PostgresException && e.InnerException is { } inner) e = inner;
        return e.Message.ReplaceLineEndings(" ").TrimEnd('.');
    }

    /// <summary>Marks the exception of a task as observed. Returns the task.</summary>
    public static Task Observe(Task task)
    {
        _ = task.ContinueWith(
            static failed => failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return task;
    }

    /// <summary>
    /// Whether a transaction that failed with this exception was surely not committed. An error of a statement is such a failure. A lost
    /// connection, a timeout and a shutdown are not: the server may have committed, or do so later.
    /// </summary>
    public static bool IsRefusal(Exception e) =>
        e is PostgresException { InvariantSeverity: "ERROR" } error
        && error.SqlState != PostgresErrorCodes.StatementCompletionUnknown
        && !error.SqlState.StartsWith("08", StringComparison.Ordinal);
}
