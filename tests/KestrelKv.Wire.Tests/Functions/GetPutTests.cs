using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

public sealed class GetPutTests : IDisposable
{
    private readonly TestWire _wire = new();
    private readonly TestClient _client;

    public GetPutTests() => _client = _wire.Connect();

    public void Dispose() => _wire.Dispose();

    [Fact]
    public void Get_Meta_ReturnsVersionAndExpiry()
    {
        _client.AssertCall(
            "GET", """{"obj": "a", "meta": true}""", """{"obj": "a", "val": null, "found": false, "version": 0, "expires_at": null}""");
        _client.Call(Frames.Put("a", "null"));
        _client.AssertCall(
            "GET", """{"obj": "a", "meta": true}""", """{"obj": "a", "val": null, "found": true, "version": 1, "expires_at": null}""");
        _client.AssertCall("GET", """{"obj": "a", "meta": false}""", """{"obj": "a", "val": null}""");
    }

    [Theory]
    [InlineData("1000", 1_000_000)]
    [InlineData("0.5", 500)]
    [InlineData("1.2345", 1_235)]
    [InlineData("0.0001", 1)]
    [InlineData("1e1", 10_000)]
    public void Put_Ttl_SetsExpiry(string ttl, int milliseconds)
    {
        _client.AssertCall("PUT", $$"""{"obj": "a", "val": 1, "ttl": {{ttl}}}""", """{"obj": "a", "response": "ok"}""");
        decimal at = (_wire.Time.GetUtcNow().ToUnixTimeMilliseconds() + milliseconds) / 1_000m;
        _client.AssertCall("GET", """{"obj": "a", "meta": true}""",
            FormattableString.Invariant($$"""{"obj": "a", "val": 1, "found": true, "version": 1, "expires_at": {{at:0.###}}}"""));
        _wire.Advance(TimeSpan.FromMilliseconds(milliseconds));
        _client.AssertCall("GET", """{"obj": "a"}""", """{"obj": "a", "val": null}""");
    }

    [Fact]
    public void Put_ExpiresAt_IsReturnedUnchanged()
    {
        _client.AssertCall("PUT", """{"obj": "a", "val": 1, "expires_at": 1790000000.5, "meta": true}""",
            """{"obj": "a", "response": "ok", "found": false, "version": 1, "expires_at": 1790000000.5}""");
        _client.AssertCall("PUT", """{"obj": "a", "val": 2, "expires_at": 253402300799.999, "meta": true}""",
            """{"obj": "a", "response": "ok", "found": true, "version": 2, "expires_at": 253402300799.999}""");
        _client.AssertCall("PUT", """{"obj": "a", "val": 3, "ttl": null, "meta": true}""",
            """{"obj": "a", "response": "ok", "found": true, "version": 3, "expires_at": null}""");
    }

    [Fact]
    public void Put_WithoutTtl_ClearsExpiry()
    {
        _client.Call(Calls.Request("PUT", """{"obj": "a", "val": 1, "ttl": 10}"""));
        _client.Call(Frames.Put("a", "2"));
        _client.AssertCall(
            "GET", """{"obj": "a", "meta": true}""", """{"obj": "a", "val": 2, "found": true, "version": 2, "expires_at": null}""");
    }

    [Fact]
    public void Put_ExpiresAtInPast_RemovesEntryAtOnce()
    {
        _client.AssertCall("PUT", """{"obj": "a", "val": 1, "expires_at": 0}""", """{"obj": "a", "response": "ok"}""");
        _client.AssertCall(
            "GET", """{"obj": "a", "meta": true}""", """{"obj": "a", "val": null, "found": false, "version": 0, "expires_at": null}""");
    }

    [Fact]
    public void Put_IfVersion_SucceedsOnlyAtThatVersion()
    {
        _client.AssertCall("PUT", """{"obj": "a", "val": 1, "if_version": 0}""", """{"obj": "a", "response": "ok"}""");
        Assert.EndsWith(
            "\"version\": 1}}", _client.AssertRefused("PUT", """{"obj": "a", "val": 2, "if_version": 0}""", "precondition_failed"));
        Assert.EndsWith(
            "\"version\": 0}}", _client.AssertRefused("PUT", """{"obj": "b", "val": 2, "if_version": 7}""", "precondition_failed"));
        _client.AssertCall("PUT", """{"obj": "a", "val": 2, "if_version": 1}""", """{"obj": "a", "response": "ok"}""");
        _client.AssertCall("GET", """{"obj": "a"}""", """{"obj": "a", "val": 2}""");
    }

    [Fact]
    public void Put_IfExists_SucceedsOnlyIfPreconditionHolds()
    {
        _client.AssertRefused("PUT", """{"obj": "a", "val": 1, "if_exists": true}""", "precondition_failed");
        _client.AssertCall("PUT", """{"obj": "a", "val": 1, "if_exists": false}""", """{"obj": "a", "response": "ok"}""");
        _client.AssertRefused("PUT", """{"obj": "a", "val": 2, "if_exists": false}""", "precondition_failed");
        _client.AssertCall("PUT", """{"obj": "a", "val": 2, "if_exists": true}""", """{"obj": "a", "response": "ok"}""");
    }

    [Fact]
    public void Put_ReturnOld_ReturnsPreviousValue()
    {
        _client.AssertCall(
            "PUT", """{"obj": "a", "val": 1.0, "return_old": true}""", """{"obj": "a", "response": "ok", "found": false, "old": null}""");
        _client.AssertCall(
            "PUT", """{"obj": "a", "val": 2, "return_old": true}""", """{"obj": "a", "response": "ok", "found": true, "old": 1.0}""");
        _client.AssertCall("PUT", """{"obj": "a", "val": 3, "return_old": true, "meta": true}""",
            """{"obj": "a", "response": "ok", "found": true, "version": 3, "expires_at": null, "old": 2}""");
    }

    [Fact]
    public void Put_ExpiredEntry_IsTreatedAsMissing()
    {
        _client.Call(Calls.Request("PUT", """{"obj": "a", "val": 1, "ttl": 1}"""));
        _wire.Advance(TimeSpan.FromSeconds(1));
        _client.AssertCall("PUT", """{"obj": "a", "val": 2, "if_exists": false, "return_old": true}""",
            """{"obj": "a", "response": "ok", "found": false, "old": null}""");
    }

    [Fact]
    public void Put_TtlBeyondYear9999_IsRefused()
    {
        _client.AssertRefused("PUT", """{"obj": "a", "val": 1, "ttl": 253402300799}""", "invalid_value");
        Assert.Equal(0, _wire.Store.GetStats().Version);
    }

    [Fact]
    public void Call_WithId_ReturnsItInOriginalSpelling()
    {
        foreach (string id in (string[])["1", "-1.50e3", "\"\\u0061 é\"", "\"\""])
        {
            Assert.Equal(Calls.ReplyWithId("PUT", """{"obj": "a", "response": "ok"}""", id),
                _client.Call(Calls.RequestWithId("PUT", """{"obj": "a", "val": 1}""", id)));
            Assert.Equal(
                Calls.ReplyWithId("GET", """{"obj": "a", "val": 1}""", id),
                _client.Call(Calls.RequestWithId("GET", """{"obj": "a"}""", id)));
            Assert.Equal(
                Calls.ReplyWithId("NOPE", "\"ERROR - Function doesn't exist\"", id), _client.Call(Calls.RequestWithId("NOPE", "{}", id)));
            Assert.EndsWith($"}}, \"id\": {id}}}", _client.Call(Calls.RequestWithId("GET", """{"obj": 1}""", id)));
            Assert.EndsWith($"}}, \"id\": {id}}}", _client.Call($"{{\"id\": {id}, \"func\": \"PUT\", \"params\": NaN"));
            Assert.EndsWith(
                $"\"version\": 0}}, \"id\": {id}}}",
                _client.Call(Calls.RequestWithId("PUT", """{"obj": "b", "val": 1, "if_exists": true}""", id)));
        }
    }
}
