using KestrelKv.Protocol;
using KestrelKv.Storage.Embedded;
using KestrelKv.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Client.Testing;

/// <summary>
/// A KestrelKv server in the memory of a test: the real engine and the real wire protocol, without sockets and files. Its data disappears
/// with it. Thread-safe.
/// </summary>
/// <remarks>
/// It behaves like a server with the durability <c>Memory</c> and the default limits. It has no users, no TLS and no HTTP. Many servers can
/// exist in one process, and share nothing.
/// </remarks>
/// <example><code>
/// await using var server = new InMemoryServer();
/// await using KestrelKvClient client = server.CreateClient();
/// await client.PutAsync("user:1", "Ada");
/// </code></example>
public sealed class InMemoryServer : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<InMemoryConnection> _open = [];
    private readonly TimeProvider _time;
    private readonly MeterSource _meters = new();
    private readonly EmbeddedStore _store;
    private readonly WireConnections _connections;
    private readonly WireConnectionHandler _handler;
    private bool _acceptsConnections = true;
    private bool _isDisposed;

    /// <summary>Creates an empty server.</summary>
    /// <param name="time">
    /// The clock of the server, which determines expiry and timeouts; null for <see cref="TimeProvider.System"/>. A clock that the test
    /// advances, such as <c>FakeTimeProvider</c>, lets entries expire without waiting.
    /// </param>
    public InMemoryServer(TimeProvider? time = null)
    {
        _time = time is null || time == TimeProvider.System ? TimeProvider.System : new UnlockedTime(time);
        var options = new WireOptions { ProtectedMode = false };
        _store = new EmbeddedStore(_time);
        _connections = new WireConnections(options, _time);
        _handler = new WireConnectionHandler(
            _store, _connections, new RequestLimits(), options, new WireMetrics(_meters, _connections), _time,
            NullLogger<WireConnectionHandler>.Instance);
    }

    /// <summary>
    /// Whether new connections are accepted. The default is true. With false, clients that have no connection behave as if the server were
    /// stopped; see also <see cref="DropConnections"/>.
    /// </summary>
    public bool AcceptsConnections
    {
        get
        {
            lock (_lock) return _acceptsConnections;
        }
        set
        {
            lock (_lock) _acceptsConnections = value;
        }
    }

    /// <summary>The number of open connections.</summary>
    public int ConnectionCount
    {
        get
        {
            lock (_lock) return _open.Count;
        }
    }

    /// <summary>Creates a client of this server. The caller disposes of it.</summary>
    /// <param name="configure">
    /// Changes the options of the client. Its clock is that of the server: with a clock that the test advances, deadlines and the pauses
    /// between connection attempts pass only when it advances.
    /// </param>
    /// <exception cref="ArgumentException">An option is invalid.</exception>
    public KestrelKvClient CreateClient(Action<KestrelKvClientOptions>? configure = null)
    {
        var options = new KestrelKvClientOptions { Host = "memory", Time = _time, ConnectCallback = ConnectAsync };
        configure?.Invoke(options);
        return new(options);
    }

    /// <summary>
    /// Opens a connection: the value of <see cref="KestrelKvClientOptions.ConnectCallback"/> of a client that the tested program creates
    /// itself.
    /// </summary>
    /// <param name="cancellationToken">Cancels the attempt.</param>
    /// <returns>The client's end of the connection.</returns>
    /// <exception cref="IOException">The server accepts no connections.</exception>
    /// <exception cref="ObjectDisposedException">The server is disposed.</exception>
    public ValueTask<Stream> ConnectAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var connection = new InMemoryConnection();
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (!_acceptsConnections) throw new IOException("The server in memory accepts no connections (AcceptsConnections is false).");
            _open.Add(connection);
            connection.Served = Task.Run(() => ServeAsync(connection), CancellationToken.None);
        }
        return new(connection.ClientStream);
    }

    /// <summary>
    /// Breaks all connections, as a failing network does. Requests without a reply may or may not be executed. Clients connect again unless
    /// <see cref="AcceptsConnections"/> is false.
    /// </summary>
    public void DropConnections()
    {
        InMemoryConnection[] open;
        lock (_lock) open = [.. _open];
        foreach (InMemoryConnection connection in open) connection.Break();
    }

    /// <summary>Breaks all connections, and frees the data.</summary>
    public async ValueTask DisposeAsync()
    {
        Task[] served;
        lock (_lock)
        {
            if (_isDisposed) return;
            _isDisposed = true;
            served = [.. _open.Select(connection => connection.Served)];
        }
        DropConnections();
        await Task.WhenAll(served);
        _connections.Dispose();
        _store.Dispose();
        _meters.Dispose();
    }

    /// <summary>Serves a connection, and closes it like Kestrel.</summary>
    private async Task ServeAsync(InMemoryConnection connection)
    {
        try
        {
            await _handler.OnConnectedAsync(connection);
        }
        finally
        {
            await connection.Transport.Input.CompleteAsync();
            await connection.Transport.Output.CompleteAsync();
            lock (_lock) _open.Remove(connection);
            await connection.DisposeAsync();
        }
    }
}
