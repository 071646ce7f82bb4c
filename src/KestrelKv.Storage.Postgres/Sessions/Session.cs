using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>A connection to the database, for one user at a time.</summary>
/// <remarks>
/// <para>
/// Nothing cancels a statement: PostgreSQL reports a canceled wait for the standby as success. A trip that takes too long is abandoned
/// together with its connection, which closes when the trip ends.
/// </para>
/// <para>After any failure the session is broken, and its next return closes the connection.</para>
/// </remarks>
internal sealed class Session : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly string _lockName;
    private bool _isAbandoned;

    private Session(NpgsqlConnection connection, string lockName)
    {
        (_connection, _lockName) = (connection, lockName);
        connection.Notice += (_, notice) => HasWarning |= notice.Notice.InvariantSeverity == "WARNING";
    }

    public bool IsBroken { get; private set; }

    /// <summary>
    /// Whether the server sent a warning since <see cref="ResetWarning"/>. A COMMIT whose wait for the standby was interrupted succeeds
    /// with a warning.
    /// </summary>
    public bool HasWarning { get; private set; }

    public static async Task<Session> OpenAsync(NpgsqlDataSource source, string lockName)
    {
        NpgsqlConnection connection = source.CreateConnection();
        try
        {
            await connection.OpenAsync();
            return new(connection, lockName);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public void ResetWarning() => HasWarning = false;

    public Trip StartTrip() => new(_connection);

    /// <summary>Adds the acquisition of the writer lock, a statement of its own: see <see cref="Writing.GroupWriter"/>.</summary>
    public void AddLock(Trip trip) => trip.Add("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", Parameter.Of(_lockName));

    public async Task LockAsync()
    {
        await using Trip trip = StartTrip();
        AddLock(trip);
        await trip.ExecuteAsync();
    }

    public async Task ExecuteAsync(string statement)
    {
        await using Trip trip = StartTrip();
        trip.Add(statement);
        await trip.ExecuteAsync();
    }

    public async Task<object?> ScalarAsync(string statement, params NpgsqlParameter[] parameters)
    {
        await using Trip trip = StartTrip();
        trip.Add(statement, parameters);
        await using NpgsqlDataReader rows = await trip.ReadAsync();
        return await rows.ReadAsync() ? rows.GetValue(0) : null;
    }

    /// <summary>Waits for work on this session. After a failure or the timeout, the session is broken.</summary>
    /// <exception cref="TimeoutException">The work did not end in time. It may still take effect.</exception>
    public async Task<T> WithinAsync<T>(Task<T> work, TimeSpan timeout)
    {
        try
        {
            return await work.WaitAsync(timeout);
        }
        catch
        {
            IsBroken = true;

            // Npgsql connections must not be closed while they are in use.
            if (!work.IsCompleted)
            {
                _isAbandoned = true;
                _ = work.ContinueWith(_ => _connection.Dispose(), TaskScheduler.Default);
            }
            throw;
        }
    }

    public void Break() => IsBroken = true;

    public ValueTask DisposeAsync() => _isAbandoned ? default : _connection.DisposeAsync();
}
