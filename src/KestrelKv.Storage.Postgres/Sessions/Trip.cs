using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>Statements that are sent together: one round trip. If one fails, the server skips those after it.</summary>
internal sealed class Trip(NpgsqlConnection connection) : IAsyncDisposable
{
    /// <summary>
    /// A record in the write-ahead log. The COMMIT after it waits for the standby, even if the transaction changed nothing. See
    /// <see cref="AddFence"/>.
    /// </summary>
    private const string Fence = "SELECT pg_logical_emit_message(true, 'kestrelkv', '')";

    /// <summary>
    /// Begins a transaction whose statements have a snapshot each, whatever the role's default isolation level is. A statement after the
    /// acquisition of a lock then sees what its former holder has committed.
    /// </summary>
    public const string Begin = "BEGIN ISOLATION LEVEL READ COMMITTED";

    private readonly NpgsqlBatch _batch = new(connection) { Timeout = 0 };

    public void Add(string statement, params NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlBatchCommand(statement);
        foreach (NpgsqlParameter parameter in parameters) command.Parameters.Add(parameter);
        _batch.BatchCommands.Add(command);
    }

    /// <summary>
    /// Adds the read fence. The write-ahead log is ordered: if a later record is replicated, so is all that an earlier snapshot contains,
    /// and no other server has become the primary before. The COMMIT must follow, and be acknowledged, before the results are used.
    /// </summary>
    public void AddFence() => Add(Fence);

    public async Task<NpgsqlDataReader> ReadAsync() => await _batch.ExecuteReaderAsync();

    public async Task ExecuteAsync()
    {
        await using NpgsqlDataReader rows = await ReadAsync();
        await rows.DrainAsync();
    }

    public ValueTask DisposeAsync() => _batch.DisposeAsync();
}

internal static class ReaderExtensions
{
    /// <summary>Reads to the end, so that a failure of a later statement is thrown.</summary>
    public static async Task DrainAsync(this NpgsqlDataReader rows)
    {
        while (await rows.NextResultAsync())
        {
        }
    }

    /// <summary>Reads the result of <see cref="CommitRow.Newest"/>.</summary>
    public static async Task<CommitRow> ReadNewestAsync(this NpgsqlDataReader rows) => await rows.ReadAsync()
        ? new(rows.GetInt64(0), rows.GetGuid(1), rows.GetInt64(2), rows.GetInt64(3), rows.GetInt64(4), rows.GetInt64(5))
        : default;
}
