using System.Text.Json;
using KestrelKv.Protocol;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>PING, INFO and HELP.</summary>
public sealed class ServerFunctionTests : IDisposable
{
    private readonly TestWire _wire = new();
    private readonly TestClient _client;

    public ServerFunctionTests() => _client = _wire.Connect();

    public void Dispose() => _wire.Dispose();

    [Fact]
    public void Ping_WithAndWithoutParams_IsAnswered()
    {
        _client.AssertCall("PING", "{}", """{"response": "pong"}""");
        Assert.Equal(Calls.Reply("PING", """{"response": "pong"}"""), _client.Call("""{"func": "PING"}"""));
        _client.AssertRefused("PING", """{"obj": "a"}""", "unknown_parameter");
    }

    [Fact]
    public void Info_AfterWrite_ReturnsStatistics()
    {
        _client.Call(Frames.Put("ab", "123"));
        _wire.Advance(TimeSpan.FromSeconds(90.9));
        using JsonDocument reply = JsonDocument.Parse(_client.Call(Calls.Request("INFO")));
        JsonElement info = reply.RootElement.GetProperty("response").GetProperty("response");
        Assert.Equal(
            [
                "server", "server_version", "protocol_version", "uptime_seconds", "connections", "keys", "bytes", "memory_bytes",
                "memory_bytes_max",
                "eviction", "durability", "version", "durable_version", "oldest_version", "watches", "request_ids",
            ],
            info.EnumerateObject().Select(member => member.Name));
        Assert.Equal("KestrelKv", info.GetProperty("server").GetString());
        Assert.Equal(90, info.GetProperty("uptime_seconds").GetInt64());
        Assert.Equal((1, 1, 5, 1), (Number("connections"), Number("keys"), Number("bytes"), Number("version")));
        Assert.Equal("Memory", info.GetProperty("durability").GetString());
        Assert.Equal("None", info.GetProperty("eviction").GetString());

        long Number(string name) => info.GetProperty(name).GetInt64();
    }

    [Fact]
    public void Help_ReturnsFunctionTable()
    {
        using JsonDocument reply = JsonDocument.Parse(_client.Call(Calls.Request("HELP")));
        JsonElement[] functions =
            [.. reply.RootElement.GetProperty("response").GetProperty("response").GetProperty("functions").EnumerateArray()];
        Assert.Equal(
            KestrelKv.Protocol.Functions.All.Select(function => function.Name), functions.Select(f => f.GetProperty("func").GetString()));
        foreach ((FunctionInfo function, JsonElement told) in KestrelKv.Protocol.Functions.All.Zip(functions))
        {
            Assert.Equal(
                function.RequiredParameters.Select(p => (p.Name, p.Type, true)).Concat(
                    function.OptionalParameters.Select(p => (p.Name, p.Type, false))),
                told.GetProperty("params").EnumerateArray().Select(p =>
                    (p.GetProperty("name").GetString()!, p.GetProperty("type").GetString()!, p.GetProperty("required").GetBoolean())));
        }
    }
}
