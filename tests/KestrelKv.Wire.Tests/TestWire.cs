using System.IO.Pipelines;
using KestrelKv.Protocol;
using KestrelKv.Storage;
using KestrelKv.Testing;
using KestrelKv.Wire.Security;

namespace KestrelKv.Wire.Tests;

/// <summary>The wire with everything around it in memory, on a clock that only the test advances.</summary>
/// <remarks>
/// Nothing runs on other threads. When a call that sends bytes or advances the clock has returned, the server has done everything that it
/// can do, so a test can verify that something has not happened. If the clock advances during a batch, the server takes the batch for
/// a long one and continues on another thread.
/// </remarks>
internal sealed class TestWire : IDisposable
{
    private readonly WireConnectionHandler _handler;

    public TestWire(Action<WireOptions>? configure = null, IKeyValueStore? store = null, RequestLimits? limits = null, IAccessControl? access = null)
    {
        configure?.Invoke(Options);
        Store = store ?? new ManagedStore(Time);
        Connections = new WireConnections(Options, Time);
        Metrics = new MetricsProbe();
        _handler = new WireConnectionHandler(
            Store, Connections, limits ?? new RequestLimits(), Options, new WireMetrics(Metrics, Connections), Time, Log, access, Tracing);
        if (access is not null) access.Changed += Connections.Recheck;
    }

    public TestTime Time { get; } = new();

    public WireOptions Options { get; } = new();

    public IKeyValueStore Store { get; }

    public WireConnections Connections { get; }

    public MetricsProbe Metrics { get; }

    public RecordingLogger Log { get; } = new();

    public RequestTracing Tracing { get; } = new();

    /// <summary>Connects a client, and serves its connection.</summary>
    /// <param name="unreadBytesMax">The number of unread bytes from which the server must wait; 0 for no limit.</param>
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

    /// <summary>Advances the clock repeatedly until the server has finished with a connection.</summary>
    public async Task AdvanceUntilServedAsync(TestClient client, TimeSpan step)
    {
        await Wait.UntilAsync(
            () =>
            {
                Advance(step);
                return client.IsServed;
            },
            () => "the server has not finished with the connection");
        await client.ServedAsync();
    }

    public void Advance(TimeSpan time) => Inline.Run(() => Time.Advance(time));

    public void Dispose()
    {
        Connections.Dispose();
        Metrics.Dispose();
        Tracing.Dispose();
        (Store as IDisposable)?.Dispose();
    }

    /// <summary>Completes the pipes after the handler has returned, like Kestrel.</summary>
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
