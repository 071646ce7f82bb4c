using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Telemetry;

public sealed class OtlpTests
{
    [Fact]
    public async Task Otlp_WithTheStandardVariables_SendsMetricsAndLogs()
    {
        using var receiver = new Receiver();
        await using ServerProcess server = await ServerProcess.StartAsync(environment: Variables(receiver));
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.CallAsync(Frames.Put("secret-key", "1"));

        await receiver.ReceivedAsync("/v1/metrics", "kestrelkv.wire.requests");
        await receiver.ReceivedAsync("/v1/metrics", "kestrelkv.store.keys");
        await receiver.ReceivedAsync("/v1/logs", "serves the wire on");

        // The last metrics are sent after the store is closed.
        int before = receiver.Bodies.Count(body => body.Path == "/v1/metrics");
        Assert.Equal(0, await server.StopAsync());
        Assert.True(receiver.Bodies.Count(body => body.Path == "/v1/metrics") > before);
        server.AssertNoComplaint();
        Assert.DoesNotContain(receiver.Bodies, body => body.Text.Contains("secret-key", StringComparison.Ordinal));
    }

    private static Dictionary<string, string> Variables(Receiver receiver) => new()
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.Address,
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
        ["OTEL_BLRP_SCHEDULE_DELAY"] = "500",
    };

    /// <summary>Accepts all requests. Strings are plain text in protobuf, so the bodies can be searched.</summary>
    private sealed class Receiver : IDisposable
    {
        private readonly HttpListener _listener = new();

        public Receiver()
        {
            Address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePort.Find()}");
            _listener.Prefixes.Add(Address + "/");
            _listener.Start();
            _ = TakeAsync();
        }

        public string Address { get; }

        public ConcurrentQueue<(string Path, string Text)> Bodies { get; } = new();

        public Task ReceivedAsync(string path, string text) => Wait.UntilAsync(
            () => Bodies.Any(body => body.Path == path && body.Text.Contains(text, StringComparison.Ordinal)),
            () => $"{path} did not receive {text}; paths: {string.Join(", ", Bodies.Select(b => b.Path).Distinct())}");

        public void Dispose() => _listener.Close();

        private async Task TakeAsync()
        {
            try
            {
                while (true)
                {
                    HttpListenerContext context = await _listener.GetContextAsync();
                    using var body = new MemoryStream();
                    await context.Request.InputStream.CopyToAsync(body);
                    Bodies.Enqueue((context.Request.Url!.AbsolutePath, Encoding.Latin1.GetString(body.ToArray())));
                    context.Response.ContentType = "application/x-protobuf";
                    context.Response.Close();
                }
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // Dispose has closed the listener.
            }
        }
    }
}
