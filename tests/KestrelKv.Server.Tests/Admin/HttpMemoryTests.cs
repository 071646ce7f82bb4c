using System.Net.Sockets;
using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Server.Admin;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;
using KestrelKv.Wire;
using Microsoft.AspNetCore.Http;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>Large bodies and replies over HTTP share the budgets of the wire.</summary>
public sealed class HttpMemoryTests : IDisposable
{
    private const int ValueBytes = 200_000;
    private static readonly RequestLimits Limits = new();

    private readonly WireOptions _options = new() { WriteTimeout = TimeSpan.FromMilliseconds(50) };
    private readonly EmbeddedStore _store = new(TimeProvider.System);
    private readonly WireConnections _connections;
    private readonly HttpRunner _runner;

    public HttpMemoryTests()
    {
        _connections = new WireConnections(_options, TimeProvider.System);
        _runner = new HttpRunner(new RequestRunner(_store, _connections), _connections, Limits, _options, TimeProvider.System);
    }

    public void Dispose()
    {
        _connections.Dispose();
        _store.Dispose();
    }

    [Theory]
    [InlineData("""{"func": "GET", "params": {"obj": "a"}}""")]
    [InlineData("""{"func": "MGET", "params": {"objs": ["a"]}}""")]
    [InlineData("""{"func": "SCAN", "params": {"values": true}}""")]
    [InlineData("""{"func": "BATCH", "params": {"ops": [{"func": "GET", "params": {"obj": "a"}}]}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "a", "val": 1, "return_old": true}}""")]
    public async Task RunAsync_ReplyBudgetExhausted_IsRefusedUntilItIsReturned(string request)
    {
        await PutLargeAsync();
        _connections.Replies.Take(_options.ReplyBytesTotalMax);
        Assert.Equal(ErrorCode.RepliesFull, (await RunAsync(request))?.Code);
        _connections.Replies.Return(_options.ReplyBytesTotalMax);
        Assert.Null(await RunAsync(request));
        Assert.Equal(0, _connections.Replies.Taken);
    }

    [Fact]
    public async Task RunAsync_ReadOfOneKey_ReservesForLargeValuesOnly()
    {
        await PutLargeAsync();
        await RunAsync("""{"func": "PUT", "params": {"obj": "b", "val": 1}}""");
        _connections.Replies.Take(_options.ReplyBytesTotalMax);
        Assert.Equal((null, 1), await ReadAsync("b"));
        Assert.Equal((ErrorCode.RepliesFull, 0), await ReadAsync("a"));
        _connections.Replies.Return(_options.ReplyBytesTotalMax);
        Assert.Equal((null, ValueBytes + 2), await ReadAsync("a"));
        Assert.Equal(0, _connections.Replies.Taken);
    }

    [Fact]
    public async Task ReadAsync_RequestBudgetExhausted_RefusesLargeBodies()
    {
        var bodies = new RequestBody(_connections, Limits, _options, TimeProvider.System);
        _connections.Requests.Take(_options.RequestBytesTotalMax);
        Assert.Null(await ReadBodyAsync(bodies, 1_000));
        Assert.Equal(ErrorCode.RequestsFull, (await ReadBodyAsync(bodies, ValueBytes))?.Code);
        _connections.Requests.Return(_options.RequestBytesTotalMax);
        Assert.Null(await ReadBodyAsync(bodies, ValueBytes));
    }

    [Fact]
    public async Task Put_LargeBodies_ReleaseTheirBudgetAndDoNotWaitForStalledBodies()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(
            ["Wire:RequestBytesTotalMax=16777216", "Wire:WriteTimeout=00:00:04"]);
        using var http = new HttpClient { BaseAddress = server.Admin };
        for (int i = 0; i < 3; i++) await PutAsync(http, $"\"{new string('v', 10_000_000)}\"");

        using var slow = new TcpClient(server.Admin.Host, server.Admin.Port);
        await slow.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"PUT /v1/keys/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n\"{new string('v', 100_000)}"));
        await PutAsync(http, $"\"{new string('w', 10_000_000)}\"");
        string value = await http.GetStringAsync(new Uri("/v1/keys/a", UriKind.Relative));
        Assert.Equal($"\"{new string('w', 10_000_000)}\"", value);
    }

    private static async Task PutAsync(HttpClient http, string value)
    {
        using var content = new StringContent(value);
        using HttpResponseMessage response = await http.PutAsync(new Uri("/v1/keys/a", UriKind.Relative), content);
        Assert.True(response.IsSuccessStatusCode, $"{response.StatusCode}");
    }

    private static async Task<ProtocolError?> ReadBodyAsync(RequestBody bodies, int bytes)
    {
        using var text = new TextBuffer();
        var http = new DefaultHttpContext { Request = { Body = new MemoryStream(new byte[bytes]), ContentLength = bytes } };
        return await bodies.ReadAsync(http, text);
    }

    private async Task PutLargeAsync() =>
        Assert.Null(await RunAsync($$$"""{"func": "PUT", "params": {"obj": "a", "val": "{{{new string('v', ValueBytes)}}}"}}"""));

    private async Task<ProtocolError?> RunAsync(string request)
    {
        ReplyRoom room = _runner.NewRoom();
        using var response = new Response(room);
        return await _runner.RunAsync(Parse(request), response, room, format: null, default);
    }

    private async Task<(ErrorCode? Error, int Bytes)> ReadAsync(string key)
    {
        ReplyRoom room = _runner.NewRoom();
        using var result = new KeyResult(room);
        ProtocolError? error = await _runner.RunAsync(Parse(Frames.Get(key)), result, room, default);
        return (error?.Code, result.Value.Length);
    }

    private static Request[] Parse(string request)
    {
        RequestParser.Parse(Encoding.UTF8.GetBytes(request), Limits, out Request parsed);
        return [parsed];
    }
}
