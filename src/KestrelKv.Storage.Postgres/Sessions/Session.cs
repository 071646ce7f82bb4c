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
    /// <summary>
    /// Ends the transaction that holds the writer lock if the server has waited for its door for 10 seconds in the middle of a trip, the
    /// default of <see cref="PostgresStoreOptions.RequestTimeout"/>: its door has then abandoned the trip.
    /// </summary>
    private const string EndStuckHolder =
        """
        SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND (classid::bigint << 32) | objid::bigint = hashtextextended($1, 0::bigint)
            AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND wait_event_type = 'Client' AND state_change < clock_timestamp() - interval '10 seconds'
        """;

    private readonly NpgsqlConnection _connection;
    private readonly string _lockName;
    private readonly int _suspicions;

    private Session(NpgsqlConnection connection, Primary? primary, string lockName)
    {
        (_connection, Primary, _lockName) = (connection, primary, lockName);
        _suspicions = primary?.Suspicions ?? 0;
        connection.Notice += (_, notice) => HasWarning |= notice.Notice.InvariantSeverity == "WARNING";
    }

    /// <summary>The primary of the session; null if it only observes a host.</summary>
    public Primary? Primary { get; }

    /// <summary>The purpose for which the session is rented.</summary>
    public TripKind Kind { get; set; }

    public bool IsBroken { get; private set; }

    /// <summary>Whether the session may be used again: no trip of any session to its server failed since it was opened.</summary>
    public bool IsReusable => !IsBroken && Primary is { IsLost: false } primary && primary.Suspicions == _suspicions;

    /// <summary>The trip that was abandoned. The connection closes when it ends.</summary>
    public Task? Abandoned { get; private set; }

    /// <summary>
    /// Whether the server sent a warning since <see cref="ResetWarning"/>. A COMMIT whose wait for the standby was interrupted succeeds
    /// with a warning.
    /// </summary>
    public bool HasWarning { get; private set; }

    /// <summary>Connects, within the timeout of the connection string.</summary>
    public static async Task<Session> OpenAsync(NpgsqlDataSource source, Primary? primary = null, string lockName = "")
    {
        NpgsqlConnection connection = source.CreateConnection();
        try
        {
            await connection.OpenAsync();
            return new(connection, primary, lockName);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public void ResetWarning() => HasWarning = false;

    /// <exception cref="IOException">A COMMIT may have ended although no standby has it.</exception>
    public void ThrowIfWarned()
    {
        if (HasWarning) throw new IOException("the server warned that the transaction may not be replicated");
    }

    public Trip StartTrip() => new(_connection);

    /// <summary>Adds the acquisition of the writer lock, a statement of its own: see <see cref="Writing.GroupWriter"/>.</summary>
    /// <remarks>The types are exact, so that no function of the schema matches better than that of the system.</remarks>
    public void AddLock(Trip trip) => trip.Add("SELECT pg_advisory_xact_lock(hashtextextended($1, 0::bigint))", Parameter.Of(_lockName));

    /// <summary>
    /// Ends the transaction of a door that stopped while it held the writer lock, if a part of its trip has arrived. For the server, such a
    /// transaction is not idle. Returns whether there was one.
    /// </summary>
    public async Task<bool> EndStuckHolderAsync() => await ScalarAsync(EndStuckHolder, Parameter.Of(_lockName)) is true;

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

    /// <summary>Lets the server wait longer than by default for the next statement of the open transaction.</summary>
    public static void AddPatience(Trip trip) => trip.Add("SET LOCAL idle_in_transaction_session_timeout = '1min'");

    /// <summary>Starts to write rows in the binary format of COPY.</summary>
    public Task<NpgsqlBinaryImporter> StartCopyAsync(string statement) => _connection.BeginBinaryImportAsync(statement);

    /// <summary>Commits a fence: see <see cref="Trip.AddFence"/>.</summary>
    public async Task FenceAsync()
    {
        await using Trip trip = StartTrip();
        trip.Add(Trip.Begin);
        trip.AddFence();
        trip.Add("COMMIT");
        await trip.ExecuteAsync();
    }

    public async Task<ServerState> ReadStateAsync()
    {
        await using Trip trip = StartTrip();
        ServerState.AddTo(trip);
        await using NpgsqlDataReader rows = await trip.ReadAsync();
        return await ServerState.ReadAsync(rows);
    }

    /// <summary>
    /// Waits for work on this session. After a failure, the timeout or the loss of the primary, the session is broken.
    /// </summary>
    /// <exception cref="TimeoutException">The work did not end in time. It may still take effect.</exception>
    /// <exception cref="IOException">The connection was lost, or its server is no longer the primary.</exception>
    public async Task<T> WithinAsync<T>(Task<T> work, TimeSpan timeout)
    {
        try
        {
            return Primary is null ? await work.WaitAsync(timeout) : await Primary.WithinAsync(work, timeout);
        }
        catch
        {
            IsBroken = true;

            // Npgsql connections must not be closed while they are in use.
            if (!work.IsCompleted) Abandoned = CloseAfterAsync(work);
            throw;
        }
    }

    public void Break() => IsBroken = true;

    public ValueTask DisposeAsync() => Abandoned is null ? _connection.DisposeAsync() : default;

    private async Task CloseAfterAsync(Task work)
    {
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _connection.DisposeAsync();
    }
}
