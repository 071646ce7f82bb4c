using System.IO.Pipelines;
using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>The wire with all that is around it in memory, on a clock that stands still until it is told.</summary>
/// <remarks>
/// Nothing is left to other threads: when a call that sends, or moves the clock, has returned, the server has done
/// all that it can do. So a test may say that something has not happened. Only where the clock moves during a batch
/// the server takes it for a long one, and goes on to another thread after it.
/// </remarks>
internal sealed class TestWire : IDisposable
{
    private readonly WireConnectionHandler _handler;

    public TestWire(Action<WireOptions>? configure = null, IKeyValueStore? store = null, RequestLimits? limits = null)
    {
        configure?.Invoke(Options);
        Store = store ?? new ManagedStore(Time);
        Connections = new WireConnections(Options, Time);
        Metrics = new MetricsProbe();
        _handler = new WireConnectionHandler(
            Store, Connections, limits ?? new RequestLimits(), Options, new WireMetrics(Metrics, Connections), Time, Log);
    }

    public TickingTime Time { get; } = new();

    public WireOptions Options { get; } = new();

    public IKeyValueStore Store { get; }

    public WireConnections Connections { get; }

    public MetricsProbe Metrics { get; }

    public RecordingLogger Log { get; } = new();

    /// <summary>A client's connection, being served.</summary>
    /// <param name="unreadBytesMax">How much may be on its way to the client before the server has to wait; 0 for anything.</param>
    /// <param name="configure">Changes the connection before it is served.</param>
    public TestClient Connect(long unreadBytesMax = 0, Action<TestConnection>? configure = null)
    {
        var toServer = new Pipe(new PipeOptions(
            readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline,
            pauseWriterThreshold: 0, useSynchronizationContext: false));
        var toClient = new Pipe(new PipeOptions(
            readerScheduler: PipeScheduler.ThreadPool, writerScheduler: PipeScheduler.Inline,
            pauseWriterThreshold: unreadBytesMax, resumeWriterThreshold: unreadBytesMax, useSynchronizationContext: false));
        var connection = new TestConnection(toServer, toClient);
        configure?.Invoke(connection);

        Task served = Inline.Run(() => ServeAsync(connection));
        return new TestClient(connection, toServer.Writer, toClient.Reader, served);
    }

    /// <summary>Moves the clock on and on until the server has done with a connection.</summary>
    public async Task AdvanceUntilServedAsync(TestClient client, TimeSpan step)
    {
        await Wait.UntilAsync(
            () =>
            {
                Advance(step);
                return client.IsServed;
            },
            () => "the server has not done with the connection");
        await client.ServedAsync();
    }

    public void Advance(TimeSpan time) => Inline.Run(() => Time.Advance(time));

    public void Dispose()
    {
        Connections.Dispose();
        Metrics.Dispose();
        (Store as IDisposable)?.Dispose();
    }

    /// <summary>As Kestrel does: the pipes are completed once the handler has returned.</summary>
    private async Task ServeAsync(TestConnection connection)
    {
        try
        {
            await _handler.OnConnectedAsync(connection);
        }
        finally
        {
            connection.Transport.Input.Complete();
            connection.Transport.Output.Complete();
        }
    }
}
