using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Requests that do not arrive in a frame.</summary>
public sealed class RequestRunnerTests : IDisposable
{
    private readonly ManagedStore _store = new(TimeProvider.System);
    private readonly WireConnections _connections = new(new WireOptions(), TimeProvider.System);

    public void Dispose()
    {
        _connections.Dispose();
        _store.Dispose();
    }

    [Theory]
    [InlineData("""{"func": "PUT", "params": {"obj": "a", "val": 1.0}}""", """{"obj": "a", "response": "ok"}""")]
    [InlineData(
        """{"func": "GET", "params": {"obj": "a", "meta": true}}""",
        """{"obj": "a", "val": null, "found": false, "version": 0, "expires_at": null}""")]
    [InlineData("""{"func": "MGET", "params": {"objs": ["a"]}}""", """{"entries": [{"obj": "a", "val": null, "found": false}]}""")]
    [InlineData("""{"func": "SCAN", "params": {}}""", """{"entries": [], "next": null, "version": 0}""")]
    [InlineData("""{"func": "PING"}""", """{"response": "pong"}""")]
    [InlineData(
        """{"func": "BATCH", "params": {"ops": [{"func": "PUT", "params": {"obj": "a", "val": 1.0}}, {"func": "GET", "params": {"obj": "a"}}]}}""",
        """{"version": 1, "results": [{"obj": "a", "response": "ok"}, {"obj": "a", "val": 1.0}]}""")]
    public async Task Run_Request_ReturnsResponseOfWire(string body, string expected) =>
        Assert.Equal((null, expected), await RunAsync(body));

    [Fact]
    public async Task Run_RequestIdTwice_ExecutesOnce()
    {
        const string Body = """{"func": "INCR", "params": {"obj": "a", "request_id": "1"}}""";
        (_, string first) = await RunAsync(Body);
        Assert.Equal((null, first), await RunAsync(Body));
        (_, string second) = await RunAsync("""{"func": "INCR", "params": {"obj": "a"}}""");
        Assert.Contains("\"val\": 2", second, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"func": "DELETE", "params": {"obj": "a", "if_version": 3}}""", null)]
    [InlineData("""{"func": "DELETE", "params": {"obj": "a", "if_version": 3, "request_id": "1"}}""", null)]
    [InlineData("""{"func": "BATCH", "params": {"ops": [{"func": "DELETE", "params": {"obj": "a", "if_version": 3}}]}}""", 0)]
    [InlineData("""{"func": "BATCH", "params": {"ops": [{"func": "GET", "params": {"obj": "a"}}, {"func": "DELETE", "params": {"obj": "a", "if_version": 3}}]}}""", 1)]
    public async Task Run_PreconditionFails_ReturnsVersionAndIndexOfBatch(string body, int? index)
    {
        (ProtocolError? error, string response) = await RunAsync(body);
        Assert.Equal((ErrorCode.PreconditionFailed, index, 0L, ""), (error?.Code, error?.Index, error?.Version, response));
    }

    [Fact]
    public async Task Run_InvalidRequest_ReturnsItsError()
    {
        (ProtocolError? error, _) = await RunAsync("""{"func": "GET", "params": {"obj": "a", "path": "x"}}""");
        Assert.Equal(ErrorCode.InvalidValue, error?.Code);
    }

    private async Task<(ProtocolError? Error, string Response)> RunAsync(string body)
    {
        var runner = new RequestRunner(_store, _connections);
        RequestParser.Parse(Encoding.UTF8.GetBytes(body), new RequestLimits(), out Request request);
        using var response = new Response();
        ProtocolError? error = await runner.RunAsync(new[] { runner.Validate(request) }, response);
        return (error, Encoding.UTF8.GetString(response.Head.Written) + Encoding.UTF8.GetString(response.Body.Written));
    }
}
