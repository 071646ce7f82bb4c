using System.Net.Sockets;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Classifies the exceptions of trips.</summary>
internal static class Failures
{
    /// <summary>Whether the exception is a failure of the database or of the connection, not a bug.</summary>
    public static bool IsOfDatabase(Exception e) =>
        e is NpgsqlException or TimeoutException or IOException or SocketException or UnsuitableDatabaseException;

    /// <summary>
    /// Whether a transaction that failed with this exception was surely not committed. An error of a statement is such a failure. A lost
    /// connection, a timeout and a shutdown are not: the server may have committed, or do so later.
    /// </summary>
    public static bool IsRefusal(Exception e) =>
        e is PostgresException { InvariantSeverity: "ERROR" } error
        && error.SqlState != PostgresErrorCodes.StatementCompletionUnknown
        && !error.SqlState.StartsWith("08", StringComparison.Ordinal);
}
