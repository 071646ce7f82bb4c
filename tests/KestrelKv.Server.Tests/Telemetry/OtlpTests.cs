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

    [Fact]
    public async Task Otlp_RequestsWhoseClientsRecord_SendsTheirSpansWithoutKeysAndValues()
    {
        const string Key = "secret-key";
        using var receiver = new Receiver();
        await using ServerProcess server = await ServerProcess.StartAsync(environment: Variables(receiver));
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.CallAsync(Traced(Frames.Put(Key, $"\"{Canary.Value}\""), 1));
        await client.CallAsync(Traced($$$"""{"func": "INCR", "params": {"obj": "{{{Key}}}"}}""", 2));
        await client.CallAsync(Traced($$$"""{"func": "{{{Key}}}"}""", 3));
        await client.CallAsync(Traced($$$"""{"func": "DELETE", "params": {"obj": "{{{Key}}}", "if_version": 99}}""", 4, flags: "00"));
        await client.CallAsync($$$"""{"func": "EXPIRE", "params": {"obj": "{{{Key}}}", "ttl": 9}}""");

        using var http = new HttpClient { BaseAddress = server.Admin };
        await SendAsync(HttpMethod.Get, $"/v1/keys/{Key}?path=/{Key}", 5);
        await SendAsync(HttpMethod.Put, $"/v1/key?key={Key}", 6, $"\"{Canary.Value}\"");
        await SendAsync(new HttpMethod(Canary.Value), $"/{Key}", 7);
        await SendAsync(HttpMethod.Post, "/v1/call", 8, Traced($$$"""{"func": "SCAN", "params": {"prefix": "{{{Key}}}"}}""", 9));
        await SendAsync(HttpMethod.Get, $"/v1/count?prefix={Key}", 10, flags: "00");
        await SendAsync(HttpMethod.Get, $"/v1/keys?prefix={Key}", trace: null);

        // The last spans are sent at the stop.
        Assert.Equal(0, await server.StopAsync());
        server.AssertNoComplaint();
        string text = string.Concat(receiver.Bodies.Where(body => body.Path == "/v1/traces").Select(body => body.Text));
        string[] expected =
        [
            "PUT", "INCR", "not_a_number", "db.system.name", "SCAN", "GET /v1/keys/{", "PUT /v1/key", "POST /v1/call", "HTTP", "_OTHER",
            "http.route", .. ((int[])[1, 2, 3, 5, 6, 7, 8, 9]).Select(RawTraceId),
        ];
        Assert.All(expected, part => Assert.Contains(part, text, StringComparison.Ordinal));
        string[] forbidden =
        [
            Key, "DELETE", "EXPIRE", "/v1/count", "url.path", "url.query", "user_agent", RawTraceId(4), RawTraceId(10),
        ];
        Assert.All(forbidden, part => Assert.DoesNotContain(part, text, StringComparison.Ordinal));
        Assert.DoesNotMatch("GET /v1/keys[^/]", text);
        Canary.AssertAbsent(text, "a trace");

        async Task SendAsync(HttpMethod method, string path, int? trace, string? body = null, string flags = "01")
        {
            using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : new StringContent(body) };
            if (trace is { } number) request.Headers.Add("traceparent", TraceParent(number, flags));
            using HttpResponseMessage response = await http.SendAsync(request);
        }
    }

    [Theory]
    [InlineData("OTEL_TRACES_SAMPLER", "always_on", true)]
    [InlineData("OTEL_TRACES_SAMPLER", "always_off", false)]
    [InlineData("OTEL_TRACES_EXPORTER", "none", false)]
    public async Task Otlp_WithTheVariablesOfTraces_AppliesThem(string variable, string value, bool sends)
    {
        using var receiver = new Receiver();
        Dictionary<string, string> variables = Variables(receiver);
        variables[variable] = value;
        await using ServerProcess server = await ServerProcess.StartAsync(environment: variables);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.CallAsync(Traced(Frames.Get("k"), 1, flags: sends ? "00" : "01"));
        Assert.Equal(0, await server.StopAsync());
        Assert.Equal(sends, receiver.Bodies.Any(body => body.Path == "/v1/traces" && body.Text.Contains(RawTraceId(1), StringComparison.Ordinal)));
        Assert.Contains(receiver.Bodies, body => body.Path == "/v1/metrics");
    }

    private static string Traced(string body, int number, string flags = "01") => $"{body[..^1]}, \"trace\": \"{TraceParent(number, flags)}\"}}";

    private static string TraceParent(int number, string flags) => $"00-{TraceId(number)}-00f067aa0ba902b7-{flags}";

    private static string TraceId(int number) => string.Create(CultureInfo.InvariantCulture, $"4bf92f3577b34da6a3ce929d0e0e{number:x4}");

    /// <summary>The trace id as in protobuf.</summary>
    private static string RawTraceId(int number) => Encoding.Latin1.GetString(Convert.FromHexString(TraceId(number)));

    private static Dictionary<string, string> Variables(Receiver receiver) => new()
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.Address,
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
        ["OTEL_BLRP_SCHEDULE_DELAY"] = "500",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "500",
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
