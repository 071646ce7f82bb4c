using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Parts of values: paths, PATCH and INCR.</summary>
public sealed class PartTests : IDisposable
{
    private const string Value = """{"a": {"b" : [1.0, 2]}, "n": null}""";

    private readonly TestWire _wire = new();
    private readonly TestClient _client;

    public PartTests()
    {
        _client = _wire.Connect();
        _client.Call(Frames.Put("k", Value));
    }

    public void Dispose() => _wire.Dispose();

    [Theory]
    [InlineData("/a/b", "[1.0, 2]", "true")]
    [InlineData("/a/b/0", "1.0", "true")]
    [InlineData("/n", "null", "true")]
    [InlineData("/none", "null", "false")]
    [InlineData("/a/b/2", "null", "false")]
    [InlineData("", Value, "true")]
    public void Get_Path_ReturnsOnlyThatPart(string path, string part, string found)
    {
        _client.AssertCall("GET", $$"""{"obj": "k", "path": "{{path}}"}""", $$"""{"obj": "k", "val": {{part}}, "found": {{found}}}""");
        _client.AssertCall("GET", $$"""{"obj": "k", "path": "{{path}}", "meta": true}""",
            $$"""{"obj": "k", "val": {{part}}, "found": {{found}}, "version": 1, "expires_at": null}""");
        _client.AssertCall("MGET", $$"""{"objs": ["k", "x"], "path": "{{path}}"}""",
            $$"""{"entries": [{"obj": "k", "val": {{part}}, "found": {{found}}}, {"obj": "x", "val": null, "found": false}]}""");
    }

    [Fact]
    public void Get_PathOfMissingKey_FindsNothing() =>
        _client.AssertCall(
            "GET", """{"obj": "x", "path": "/a", "meta": true}""",
            """{"obj": "x", "val": null, "found": false, "version": 0, "expires_at": null}""");

    [Fact]
    public void Put_Path_ReplacesThatPartAndKeepsExpiry()
    {
        _client.Call(Calls.Request("EXPIRE", """{"obj": "k", "expires_at": 1790000000}"""));
        _client.AssertCall("PUT", """{"obj": "k", "path": "/a/b/1", "val": "\u00e9", "meta": true}""",
            """{"obj": "k", "response": "ok", "found": true, "version": 3, "expires_at": 1790000000}""");
        _client.AssertCall("PUT", """{"obj": "k", "path": "/n", "val": 1, "ttl": null, "meta": true}""",
            """{"obj": "k", "response": "ok", "found": true, "version": 4, "expires_at": null}""");
        _client.AssertCall("GET", """{"obj": "k"}""", """{"obj": "k", "val": {"a": {"b" : [1.0, "\u00e9"]}, "n": 1}}""");
    }

    [Fact]
    public void Put_MissingPath_IsRefused()
    {
        Assert.EndsWith("\"version\": 0}}", _client.AssertRefused("PUT", """{"obj": "x", "path": "/a", "val": 1}""", "not_found"));
        _client.AssertRefused("PUT", """{"obj": "k", "path": "/none/b", "val": 1}""", "path_not_found");
        Assert.Equal(1, _wire.Store.GetStats().Version);
    }

    [Theory]
    [InlineData("GET", "")]
    [InlineData("PUT", ", \"val\": 1")]
    [InlineData("INCR", "")]
    public void Path_InvalidPointer_IsRefused(string function, string more)
    {
        _client.AssertRefused(function, $$"""{"obj": "k", "path": "a"{{more}}}""", "invalid_value");
        _client.AssertRefused(function, $$"""{"obj": "k", "path": "/~2"{{more}}}""", "invalid_value");
        string batch = $$$"""{"ops": [{"func": "GET", "params": {"obj": "k"}}, {"func": "{{{function}}}", "params": {"obj": "k", "path": "/~"{{{more}}}}}]}""";
        Assert.EndsWith("\"index\": 1}}", _client.AssertRefused("BATCH", batch, "invalid_value"));
    }

    [Fact]
    public void Patch_Merge_ChangesOnlyNamedMembers()
    {
        _client.AssertCall("PATCH", """{"obj": "k", "merge": {"n": 5, "a": {"c": []}}, "return_old": true}""",
            $$"""{"obj": "k", "response": "ok", "found": true, "version": 2, "expires_at": null, "old": {{Value}}}""");
        Assert.Contains("\"b\" : [1.0, 2]", _client.Call(Frames.Get("k")), StringComparison.Ordinal);
        _client.AssertCall("PATCH", """{"obj": "new", "merge": {"x": null, "y": 1}, "expires_at": 1790000000}""",
            """{"obj": "new", "response": "ok", "found": false, "version": 3, "expires_at": 1790000000}""");
        _client.AssertCall("GET", """{"obj": "new"}""", """{"obj": "new", "val": {"y": 1}}""");
    }

    [Fact]
    public void Patch_JsonPatch_IsAtomic()
    {
        _client.AssertCall("PATCH", """{"obj": "k", "patch": [{"op": "test", "path": "/n", "value": null}, {"op": "replace", "path": "/a/b/0", "value": 7}]}""",
            """{"obj": "k", "response": "ok", "found": true, "version": 2, "expires_at": null}""");
        _client.AssertRefused(
            "PATCH", """{"obj": "k", "patch": [{"op": "remove", "path": "/n"}, {"op": "test", "path": "/a", "value": 1}]}""",
            "test_failed");
        _client.AssertRefused("PATCH", """{"obj": "k", "patch": [{"op": "remove", "path": "/none"}]}""", "path_not_found");
        Assert.EndsWith("\"version\": 0}}", _client.AssertRefused("PATCH", """{"obj": "x", "patch": []}""", "not_found"));
        _client.AssertRefused("PATCH", """{"obj": "k", "patch": [{"op": "nope", "path": ""}]}""", "invalid_value");
        _client.AssertCall("GET", """{"obj": "k"}""", """{"obj": "k", "val": {"a": {"b" : [7, 2]}, "n": null}}""");
    }

    [Fact]
    public void Incr_ExistingAndMissingNumber_ReturnsSum()
    {
        _client.AssertCall("INCR", """{"obj": "i"}""", """{"obj": "i", "val": 1, "found": false, "version": 2, "expires_at": null}""");
        _client.AssertCall("INCR", """{"obj": "i", "by": -3, "expires_at": 1790000000}""",
            """{"obj": "i", "val": -2, "found": true, "version": 3, "expires_at": 1790000000}""");
        _client.AssertCall(
            "INCR", """{"obj": "i", "by": 0.25}""",
            """{"obj": "i", "val": -1.75, "found": true, "version": 4, "expires_at": 1790000000}""");
        _client.AssertCall(
            "INCR", """{"obj": "k", "path": "/a/b/1", "by": 10}""",
            """{"obj": "k", "val": 12, "found": true, "version": 5, "expires_at": null}""");
        _client.AssertCall(
            "INCR", """{"obj": "new", "path": "/x/y"}""", """{"obj": "new", "val": 1, "found": false, "version": 6, "expires_at": null}""");
        _client.AssertCall("GET", """{"obj": "new"}""", """{"obj": "new", "val": {"x":{"y":1}}}""");
    }

    [Fact]
    public void Incr_NotIncrementable_IsRefused()
    {
        _client.AssertRefused("INCR", """{"obj": "k"}""", "not_a_number");
        _client.AssertRefused("INCR", """{"obj": "k", "path": "/n"}""", "not_a_number");
        _client.Call(Frames.Put("max", "9223372036854775807"));
        _client.AssertRefused("INCR", """{"obj": "max"}""", "number_overflow");
        _client.AssertRefused("INCR", """{"obj": "max", "if_version": 1}""", "precondition_failed");
        _client.AssertRefused("INCR", """{"obj": "x", "if_exists": true}""", "precondition_failed");
    }

    [Fact]
    public void Incr_RepeatedRequestId_IsExecutedOnce()
    {
        string incr = Calls.RequestWithId("INCR", """{"obj": "i", "by": 5, "request_id": "once"}""", "9");
        string first = _client.Call(incr);
        Assert.Equal(Calls.ReplyWithId("INCR", """{"obj": "i", "val": 5, "found": false, "version": 2, "expires_at": null}""", "9"), first);
        Assert.Equal(first, _client.Call(incr));
        _client.AssertCall("GET", """{"obj": "i"}""", """{"obj": "i", "val": 5}""");
    }

    [Fact]
    public void Batch_OfParts_IsAtomic()
    {
        string reply = _client.AssertRefused("BATCH",
            """{"ops": [{"func": "INCR", "params": {"obj": "i"}}, {"func": "PATCH", "params": {"obj": "k", "patch": [{"op": "test", "path": "/n", "value": 1}]}}]}""",
            "test_failed");
        Assert.EndsWith("\"index\": 1}}", reply);
        _client.AssertCall("BATCH",
            """{"ops": [{"func": "INCR", "params": {"obj": "i"}}, {"func": "INCR", "params": {"obj": "i"}}, {"func": "GET", "params": {"obj": "i", "path": "/x"}}]}""",
            """{"version": 2, "results": [{"obj": "i", "val": 1, "found": false, "version": 2, "expires_at": null}, {"obj": "i", "val": 2, "found": true, "version": 2, "expires_at": null}, {"obj": "i", "val": null, "found": false}]}""");
    }
}
