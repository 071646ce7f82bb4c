using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

public sealed class DeleteExpireTests : IDisposable
{
    private readonly TestWire _wire = new();
    private readonly TestClient _client;

    public DeleteExpireTests() => _client = _wire.Connect();

    public void Dispose() => _wire.Dispose();

    [Fact]
    public void Delete_ExistingAndMissingKey_ReturnsFound()
    {
        _client.AssertCall("DELETE", """{"obj": "a"}""", """{"obj": "a", "response": "ok", "found": false, "version": 0}""");
        _client.Call(Frames.Put("a", "[1]"));
        _client.AssertCall("DELETE", """{"obj": "a", "return_old": true}""",
            """{"obj": "a", "response": "ok", "found": true, "version": 2, "old": [1]}""");
        _client.AssertCall("DELETE", """{"obj": "a", "return_old": true}""",
            """{"obj": "a", "response": "ok", "found": false, "version": 0, "old": null}""");
        _client.AssertCall("GET", """{"obj": "a"}""", """{"obj": "a", "val": null}""");
    }

    [Fact]
    public void Delete_Expired_FindsNothing()
    {
        _client.Call(Calls.Request("PUT", """{"obj": "a", "val": 1, "ttl": 1}"""));
        _wire.Advance(TimeSpan.FromSeconds(1));
        _client.AssertCall(
            "DELETE", """{"obj": "a", "ack": "memory"}""", """{"obj": "a", "response": "ok", "found": false, "version": 0}""");
    }

    [Fact]
    public void Delete_Preconditions_AreChecked()
    {
        _client.Call(Frames.Put("a", "1"));
        Assert.EndsWith("\"version\": 1}}", _client.AssertRefused("DELETE", """{"obj": "a", "if_version": 2}""", "precondition_failed"));
        _client.AssertRefused("DELETE", """{"obj": "b", "if_exists": true}""", "precondition_failed");
        _client.AssertCall(
            "DELETE", """{"obj": "a", "if_version": 1}""", """{"obj": "a", "response": "ok", "found": true, "version": 2}""");
    }

    [Fact]
    public void Expire_ExistingKey_ChangesOnlyExpiry()
    {
        _client.Call(Frames.Put("a", "1.0"));
        _client.AssertCall("EXPIRE", """{"obj": "a", "expires_at": 1790000000.25}""",
            """{"obj": "a", "response": "ok", "found": true, "version": 2, "expires_at": 1790000000.25}""");
        _client.AssertCall("GET", """{"obj": "a", "meta": true}""",
            """{"obj": "a", "val": 1.0, "found": true, "version": 2, "expires_at": 1790000000.25}""");
        _client.AssertCall("EXPIRE", """{"obj": "a", "ttl": null}""",
            """{"obj": "a", "response": "ok", "found": true, "version": 3, "expires_at": null}""");
        _client.Call(Calls.Request("EXPIRE", """{"obj": "a", "ttl": 2}"""));
        _wire.Advance(TimeSpan.FromSeconds(2));
        _client.AssertCall("GET", """{"obj": "a"}""", """{"obj": "a", "val": null}""");
    }

    [Fact]
    public void Expire_MissingKey_ReturnsNotFound()
    {
        _client.AssertCall(
            "EXPIRE", """{"obj": "a", "ttl": 1}""", """{"obj": "a", "response": "ok", "found": false, "version": 0, "expires_at": null}""");
        _client.AssertRefused("EXPIRE", """{"obj": "a", "ttl": 1, "if_exists": true}""", "precondition_failed");
    }
}
