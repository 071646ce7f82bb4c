using System.Collections.Concurrent;
using System.Globalization;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Sessions;

/// <summary>The sessions of a door. Each new one must be on a primary whose history is that of the door. Thread-safe.</summary>
internal sealed class SessionPool : IAsyncDisposable
{
    /// <summary>The maximum number of idle sessions.</summary>
    private const int IdleMax = 8;

    /// <summary>
    /// The maximum wait for the writer lock or a claim, in milliseconds. The statement then fails and is repeated on a new connection.
    /// </summary>
    private const int LockTimeout = 5_000;

    /// <summary>
    /// The time after which the server ends a transaction whose door does not continue it, in milliseconds. It releases the writer lock of
    /// a door that is suspended between its two trips.
    /// </summary>
    private const int IdleInTransactionTimeout = 2_000;

    private const int BufferBytes = 64 * 1024;

    private readonly NpgsqlDataSource _source;
    private readonly string _lockName;
    private readonly Door _door;
    private readonly TimeSpan _connectTimeout;
    private readonly ConcurrentBag<Session> _idle = [];
    private volatile bool _isClosed;

    public SessionPool(PostgresStoreOptions options, Door door)
    {
        (_door, _connectTimeout) = (door, options.ConnectTimeout);
        _lockName = $"kestrelkv:{options.Schema}";
        var connection = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            Pooling = false,
            Enlist = false,
            Timeout = (int)Math.Ceiling(options.ConnectTimeout.TotalSeconds),
            CommandTimeout = 0,
            CancellationTimeout = -1,
            MaxAutoPrepare = 64,
            AutoPrepareMinUsages = 2,
            ReadBufferSize = BufferBytes,
            WriteBufferSize = BufferBytes,
            TcpKeepAlive = true,
            SearchPath = options.Schema,
            ApplicationName = "kestrelkv",

            // The server's setting may be weaker. It waits for the standby if there is a synchronous one.
            Options = string.Create(
                CultureInfo.InvariantCulture,
                $"-c synchronous_commit=on -c lock_timeout={LockTimeout} " +
                $"-c idle_in_transaction_session_timeout={IdleInTransactionTimeout}"),
        };
        _source = new NpgsqlDataSourceBuilder(connection.ConnectionString).Build();
    }

    /// <summary>Returns an idle session, or opens one.</summary>
    public async Task<Session> RentAsync()
    {
        ObjectDisposedException.ThrowIf(_isClosed, typeof(PostgresStore));
        while (_idle.TryTake(out Session? idle))
        {
            if (!idle.IsBroken) return idle;
            await idle.DisposeAsync();
        }
        Session session = await OpenAsync();
        try
        {
            await session.WithinAsync(CheckHistoryAsync(session), _connectTimeout);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a trip on a session.</summary>
    /// <exception cref="IOException">The server sent a warning: a COMMIT may have ended although no standby has it.</exception>
    public async Task<T> UseAsync<T>(Func<Session, Task<T>> trip, TimeSpan timeout)
    {
        Session session = await RentAsync();
        try
        {
            session.ResetWarning();
            T result = await session.WithinAsync(trip(session), timeout);
            return session.HasWarning ? throw new IOException("the server warned that the transaction may not be replicated") : result;
        }
        finally
        {
            await ReturnAsync(session);
        }
    }

    public async ValueTask ReturnAsync(Session session)
    {
        if (session.IsBroken || _isClosed || _idle.Count >= IdleMax) await session.DisposeAsync();
        else _idle.Add(session);
    }

    /// <summary>Opens a session on a primary, without a look at the tables.</summary>
    public async Task<Session> OpenAsync()
    {
        Session session = await Session.OpenAsync(_source, _lockName);
        try
        {
            if (await session.WithinAsync(session.ScalarAsync("SELECT pg_is_in_recovery()"), _connectTimeout) is true)
                throw new UnsuitableDatabaseException("The database is a standby, expected the primary: it accepts no writes.");
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _isClosed = true;
        while (_idle.TryTake(out Session? session)) await session.DisposeAsync();
        await _source.DisposeAsync();
    }

    /// <summary>
    /// Verifies that the database still has the newest commit that this door knows, unless it was deleted for its age.
    /// </summary>
    private async Task<bool> CheckHistoryAsync(Session session)
    {
        CommitRow known = _door.Known;
        if (known.Version == 0) return true;
        CommitRow newest;
        await using (Trip trip = session.StartTrip())
        {
            trip.Add(CommitRow.Newest);
            await using NpgsqlDataReader rows = await trip.ReadAsync();
            newest = await rows.ReadNewestAsync();
        }
        object? id = await session.ScalarAsync("SELECT id FROM commits WHERE last_version = $1", Parameter.Of(known.Version));
        bool isDeleted = id is null
            && await session.ScalarAsync("SELECT last_version FROM commits ORDER BY last_version LIMIT 1") is long oldest
            && oldest > known.Version;
        if (!isDeleted && !known.Id.Equals(id)) _door.Lose(newest, known);
        return true;
    }
}
