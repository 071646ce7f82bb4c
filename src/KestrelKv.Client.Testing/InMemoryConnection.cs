using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Client.Testing;

/// <summary>The server's end of a connection in memory: two pipes, as Kestrel provides them.</summary>
internal sealed class InMemoryConnection : DefaultConnectionContext
{
    // Continuations run on the thread pool, as with sockets: no call of one end runs code of the other.
    private static readonly PipeOptions Options = new(useSynchronizationContext: false);

    private readonly CancellationTokenSource _closed = new();

    public InMemoryConnection() : this(new Pipe(Options), new Pipe(Options))
    {
    }

    private InMemoryConnection(Pipe toServer, Pipe toClient)
        : base(Guid.NewGuid().ToString("N"), new Duplex(toServer.Reader, toClient.Writer), new Duplex(toClient.Reader, toServer.Writer))
    {
        ClientStream = new(toClient.Reader, toServer.Writer);
        ConnectionClosed = _closed.Token;
    }

    /// <summary>The client's end.</summary>
    public PipeStream ClientStream { get; }

    /// <summary>Completes when the server has finished with the connection.</summary>
    public Task Served { get; set; } = Task.CompletedTask;

    /// <summary>Breaks the connection for both ends. Thread-safe.</summary>
    public void Break()
    {
        ClientStream.Break();
        try
        {
            _closed.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The server has finished with the connection at this moment.
        }
    }

    public override void Abort(ConnectionAbortedException abortReason) => Break();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _closed.Dispose();
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
