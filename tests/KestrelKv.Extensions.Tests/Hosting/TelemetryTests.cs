using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using KestrelKv.Client;
using KestrelKv.Testing;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace KestrelKv.Extensions.Tests.Hosting;

/// <summary>Spans and metrics of calls, and the context that requests have.</summary>
public sealed class TelemetryTests
{
    private const string Pong = """{"status": "OK", "response": {"func": "PING", "response": {"response": "pong"}}}""";

    [Fact]
    public async Task Call_Recorded_HasASpanByTheConventionsWhoseContextIsSent()
    {
        using var spans = new Spans();
        using var parentSource = new ActivitySource($"{nameof(TelemetryTests)}.{nameof(Call_Recorded_HasASpanByTheConventionsWhoseContextIsSent)}");
        spans.Listen(parentSource.Name);
        spans.Listen("KestrelKv.Client");
        using Activity? parent = parentSource.StartActivity("parent");
        (JsonElement request, int port) = await PingAsync();
        parent!.Stop();

        Activity span = Assert.Single(spans.Ended, span => span.ParentSpanId == parent.SpanId);
        Assert.Equal(("PING", ActivityKind.Client, ActivityStatusCode.Unset), (span.DisplayName, span.Kind, span.Status));
        Assert.Equal(
            new Dictionary<string, object?>
            {
                ["db.system.name"] = "kestrelkv", ["db.operation.name"] = "PING", ["server.address"] = "127.0.0.1", ["server.port"] = port,
            },
            span.TagObjects.ToDictionary());
        Assert.Equal($"00-{parent.TraceId}-{span.SpanId}-01", request.GetProperty("trace").GetString());
    }

    [Fact]
    public async Task Call_NoListener_SendsNoContext()
    {
        using Activity? none = Activity.Current = null;
        Assert.False((await PingAsync()).Request.TryGetProperty("trace", out _));
    }

    [Fact]
    public async Task Call_Failed_HasTheErrorInItsSpan()
    {
        using var spans = new Spans();
        using var parentSource = new ActivitySource($"{nameof(TelemetryTests)}.{nameof(Call_Failed_HasTheErrorInItsSpan)}");
        spans.Listen(parentSource.Name);
        spans.Listen("KestrelKv.Client");
        using Activity? parent = parentSource.StartActivity("parent");
        await using var client = new KestrelKvClient(new KestrelKvClientOptions { ConnectCallback = _ => throw new IOException(), Timeout = TimeSpan.FromMilliseconds(60) });
        await Assert.ThrowsAsync<NotSentException>(() => client.PingAsync().AsTask());
        Activity span = Assert.Single(spans.Ended, span => span.ParentSpanId == parent!.SpanId);
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.Equal(typeof(NotSentException).FullName, span.GetTagItem("error.type"));
    }

    [Fact]
    public async Task Duration_OfACall_IsMeasured()
    {
        List<Dictionary<string, object?>> measured = [];
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "KestrelKv.Client") self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((instrument, seconds, tags, _) =>
        {
            Assert.Equal(("db.client.operation.duration", "s"), (instrument.Name, instrument.Unit));
            Assert.True(seconds > 0);
            lock (measured) measured.Add(tags.ToArray().ToDictionary());
        });
        listener.Start();
        (_, int port) = await PingAsync();
        lock (measured) Assert.Contains(measured, tags => Equals(tags["server.port"], port) && Equals(tags["db.operation.name"], "PING"));
    }

    /// <summary>The builders get the names of the client's source and meter, whichever SDK implements them.</summary>
    [Fact]
    public void Builders_AddInstrumentation_AddSourceAndMeter()
    {
        var tracing = new Tracing();
        Assert.Same(tracing, tracing.AddKestrelKvInstrumentation());
        var metrics = new Metrics();
        Assert.Same(metrics, metrics.AddKestrelKvInstrumentation());
        Assert.Equal(["KestrelKv.Client"], tracing.Sources);
        Assert.Equal(["KestrelKv.Client"], metrics.Meters);
    }

    /// <summary>Calls a server that answers PING, and returns the request that it received.</summary>
    private static async Task<(JsonElement Request, int Port)> PingAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        await using var client = new KestrelKvClient($"kestrelkv://127.0.0.1:{port}");
        Task<TimeSpan> ping = client.PingAsync().AsTask();
        using TcpClient connection = await listener.AcceptTcpClientAsync().WaitAsync(Wait.Patience);
        NetworkStream stream = connection.GetStream();
        byte[] body = [];

        // The first request belongs to the connection.
        for (int i = 0; i < 2; i++)
        {
            byte[] header = new byte[8];
            await stream.ReadExactlyAsync(header);
            body = new byte[BitConverter.ToInt32(header, 4)];
            await stream.ReadExactlyAsync(body);
            await stream.WriteAsync(Frames.Of(Pong));
        }
        await ping;
        using JsonDocument request = JsonDocument.Parse(Encoding.UTF8.GetString(body));
        return (request.RootElement.Clone(), port);
    }

    /// <summary>Keeps the ended spans of sources, all of which it records.</summary>
    private sealed class Spans : IDisposable
    {
        private readonly List<ActivityListener> _listeners = [];
        private readonly List<Activity> _ended = [];

        public Activity[] Ended
        {
            get
            {
                lock (_ended) return [.. _ended];
            }
        }

        public void Listen(string source)
        {
            var listener = new ActivityListener
            {
                ShouldListenTo = candidate => candidate.Name == source,
                Sample = (ref ActivityCreationOptions<ActivityContext> options) =>
                    options.Parent.SpanId != default || source != "KestrelKv.Client" ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
                ActivityStopped = span =>
                {
                    lock (_ended) _ended.Add(span);
                },
            };
            ActivitySource.AddActivityListener(listener);
            _listeners.Add(listener);
        }

        public void Dispose() => _listeners.ForEach(listener => listener.Dispose());
    }

    private sealed class Tracing : TracerProviderBuilder
    {
        public string[] Sources { get; private set; } = [];

        public override TracerProviderBuilder AddInstrumentation<TInstrumentation>(Func<TInstrumentation> instrumentationFactory) => this;

        public override TracerProviderBuilder AddLegacySource(string operationName) => this;

        public override TracerProviderBuilder AddSource(params string[] names)
        {
            Sources = [.. Sources, .. names];
            return this;
        }
    }

    private sealed class Metrics : MeterProviderBuilder
    {
        public string[] Meters { get; private set; } = [];

        public override MeterProviderBuilder AddInstrumentation<TInstrumentation>(Func<TInstrumentation> instrumentationFactory) => this;

        public override MeterProviderBuilder AddMeter(params string[] names)
        {
            Meters = [.. Meters, .. names];
            return this;
        }
    }
}
