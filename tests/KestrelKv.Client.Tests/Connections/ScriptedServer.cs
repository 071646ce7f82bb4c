using System.Threading.Channels;
using KestrelKv.Testing;

namespace KestrelKv.Client.Tests.Connections;

/// <summary>A server whose every byte a test writes: it accepts connections in memory, reads requests, and answers them as it likes.</summary>
internal sealed class ScriptedServer
{
    private readonly Channel<ScriptedConnection> _connections = Channel.CreateUnbounded<ScriptedConnection>();
    private int _attempts;

    /// <summary>Whether connection attempts fail.</summary>
    public bool IsDown { get; set; }

    /// <summary>The number of connection attempts.</summary>
    public int Attempts => Volatile.Read(ref _attempts);

    public KestrelKvClient CreateClient(Action<KestrelKvClientOptions>? configure = null)
    {
        var options = new KestrelKvClientOptions
        {
            ConnectCallback = Connect,
            Timeout = Wait.Patience,
            ConnectTimeout = Wait.Patience,
            StallTimeout = Wait.Patience,
            ReconnectDelayMax = TimeSpan.FromMilliseconds(1),
        };
        configure?.Invoke(options);
        return new(options);
    }

    /// <summary>Returns the next connection, whose first request (PING or AUTH) is still to be read.</summary>
    public async Task<ScriptedConnection> AcceptRawAsync(CancellationToken cancellationToken = default) =>
        await _connections.Reader.ReadAsync(cancellationToken).AsTask().WaitAsync(Wait.Patience, cancellationToken);

    /// <summary>Returns the next connection, and answers its PING.</summary>
    public async Task<ScriptedConnection> AcceptAsync()
    {
        ScriptedConnection connection = await AcceptRawAsync();
        await connection.GreetAsync();
        return connection;
    }

    private ValueTask<Stream> Connect(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _attempts);
        if (IsDown) throw new IOException("The server is down.");
        var stream = new ScriptedStream();
        _connections.Writer.TryWrite(new(stream));
        return new(stream);
    }
}
