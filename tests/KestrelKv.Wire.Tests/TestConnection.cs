using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace KestrelKv.Wire.Tests;

/// <summary>The server side of a connection. It behaves like Kestrel's at an abort and at a stop.</summary>
internal sealed class TestConnection : DefaultConnectionContext, IConnectionLifetimeNotificationFeature
{
    private readonly Pipe _toServer;
    private readonly Pipe _toClient;
    private readonly CancellationTokenSource _closeRequested = new();

    public TestConnection(Pipe toServer, Pipe toClient)
        : base(Guid.NewGuid().ToString("N"), new Duplex(toServer.Reader, toClient.Writer), new Duplex(toClient.Reader, toServer.Writer))
    {
        _toServer = toServer;
        _toClient = toClient;
        Features.Set<IConnectionLifetimeNotificationFeature>(this);
    }

    /// <summary>The reason for which the server aborted the connection; null if it did not.</summary>
    public ConnectionAbortedException? Aborted { get; private set; }

    /// <summary>The exception that a waiting flush throws at an abort; null for none.</summary>
    public Exception? FlushFailure { get; set; }

    public CancellationToken ConnectionClosedRequested
    {
        get => _closeRequested.Token;
        set => throw new NotSupportedException();
    }

    public void RequestClose() => Inline.Run(_closeRequested.Cancel);

    public override void Abort(ConnectionAbortedException abortReason)
    {
        Aborted = abortReason;
        _toClient.Reader.Complete(FlushFailure);
        _toServer.Writer.Complete(abortReason);
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
