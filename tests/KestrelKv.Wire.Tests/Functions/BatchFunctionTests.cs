using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>MGET and BATCH: many keys, atomically.</summary>
public sealed class BatchFunctionTests : IDisposable
{
    private readonly TestWire _wire = new();
    private readonly TestClient _client;

    public BatchFunctionTests() => _client = _wire.Connect();

    public void Dispose() => _wire.Dispose();

    [Fact]
    public void Mget_ExistingAndMissingKeys_ReturnsEachInOrder()
    {
        _client.Send(Frames.Put("a", "1"), Frames.Put("b", "null"));
        _client.Replies();
        _client.AssertCall("MGET", """{"objs": ["b", "none", "\u0061", "b"], "ack": "memory"}""",
            """{"entries": [{"obj": "b", "val": null, "found": true}, {"obj": "none", "val": null, "found": false}, {"obj": "\u0061", "val": 1, "found": true}, {"obj": "b", "val": null, "found": true}]}""");
        _client.AssertCall("MGET", """{"objs": ["a", "none"], "meta": true}""",
            """{"entries": [{"obj": "a", "val": 1, "found": true, "version": 1, "expires_at": null}, {"obj": "none", "val": null, "found": false, "version": 0, "expires_at": null}]}""");
    }

    [Fact]
    public void Mget_ThousandKeys_IsMaximum()
    {
        string reply = _client.Call(Calls.Request("MGET", Keys(1_000)));
        Assert.Equal(1_000, reply.Split("\"found\": false").Length - 1);
        _client.AssertRefused("MGET", Keys(1_001), "invalid_value");
        _client.AssertRefused("MGET", Keys(0), "invalid_value");

        static string Keys(int count) => $"{{\"objs\": [{string.Join(", ", Enumerable.Range(0, count).Select(i => $"\"{i}\""))}]}}";
    }

    [Fact]
    public void Batch_OfAllKinds_HasOneVersion()
    {
        _client.Call(Frames.Put("old", "[0]"));
        _client.AssertCall("BATCH",
            """
            {"ops": [
              {"func": "PUT", "params": {"obj": "a", "val": 1, "meta": true}},
              {"func": "GET", "params": {"obj": "a", "meta": true}},
              {"func": "GET", "params": {"obj": "none"}},
              {"func": "DELETE", "params": {"obj": "old", "return_old": true}},
              {"func": "DELETE", "params": {"obj": "old"}},
              {"func": "EXPIRE", "params": {"obj": "a", "expires_at": 1790000000}}]}
            """,
            """{"version": 2, "results": [{"obj": "a", "response": "ok", "found": false, "version": 2, "expires_at": null}, {"obj": "a", "val": 1, "found": true, "version": 2, "expires_at": null}, {"obj": "none", "val": null}, {"obj": "old", "response": "ok", "found": true, "version": 2, "old": [0]}, {"obj": "old", "response": "ok", "found": false, "version": 0}, {"obj": "a", "response": "ok", "found": true, "version": 2, "expires_at": 1790000000}]}""");
        Assert.Equal(2, _wire.Store.GetStats().Version);
    }

    [Fact]
    public void Batch_ChangesNothing_HasNoVersion()
    {
        _client.Call(Frames.Put("a", "1"));
        _client.AssertCall("BATCH", """{"ops": [{"func": "GET", "params": {"obj": "a"}}, {"func": "DELETE", "params": {"obj": "b"}}]}""",
            """{"version": 0, "results": [{"obj": "a", "val": 1}, {"obj": "b", "response": "ok", "found": false, "version": 0}]}""");
    }

    [Fact]
    public void Batch_PreconditionFails_ChangesNothingAndReturnsIndex()
    {
        _client.Call(Frames.Put("a", "1"));
        string reply = _client.AssertRefused("BATCH",
            """{"ops": [{"func": "PUT", "params": {"obj": "b", "val": 1}}, {"func": "PUT", "params": {"obj": "a", "val": 2, "if_version": 7}}]}""",
            "precondition_failed");
        Assert.EndsWith("\"index\": 1, \"version\": 1}}", reply);
        _client.AssertCall("GET", """{"obj": "b"}""", """{"obj": "b", "val": null}""");
        Assert.Equal(1, _wire.Metrics["kestrelkv.wire.requests{function=BATCH,outcome=precondition_failed}"]);
    }

    [Theory]
    [InlineData("""{"func": "PUT", "params": {"obj": "b"}}""", "missing_parameter")]
    [InlineData("""{"func": "PUT", "params": {"obj": "b", "val": 1, "ack": "memory"}}""", "unknown_parameter")]
    [InlineData("""{"func": "PUT", "params": {"obj": "b", "val": 1, "request_id": "r"}}""", "unknown_parameter")]
    [InlineData("""{"func": "PUT", "params": {"obj": "b", "val": 1, "request_seq": 1}}""", "unknown_parameter")]
    [InlineData("""{"func": "PUT", "params": {"obj": "b", "val": 1}, "id": 1}""", "unknown_parameter")]
    [InlineData("""{"func": "PING"}""", "invalid_value")]
    [InlineData("""{"func": "BATCH", "params": {"ops": []}}""", "invalid_value")]
    [InlineData("""{"func": "NOPE"}""", "invalid_value")]
    [InlineData("""{"func": "PUT", "params": {"obj": "", "val": 1}}""", "invalid_key")]
    [InlineData("1", "not_an_object")]
    public void Batch_BadOperation_IsRefusedWithItsIndex(string operation, string code)
    {
        string reply = _client.AssertRefused(
            "BATCH", $$$"""{"ops": [{"func": "PUT", "params": {"obj": "a", "val": 1}}, {{{operation}}}]}""", code);
        Assert.EndsWith("\"index\": 1}}", reply);
        Assert.Equal(0, _wire.Store.GetStats().Version);
    }

    [Fact]
    public void RequestId_Repeated_ReturnsRecordedResponse()
    {
        string put = Calls.Request("PUT", """{"obj": "a", "val": 1, "if_version": 0, "meta": true, "request_id": "r1"}""");
        string first = _client.Call(put);
        Assert.Equal(Calls.Reply("PUT", """{"obj": "a", "response": "ok", "found": false, "version": 1, "expires_at": null}"""), first);
        Assert.Equal(first, _client.Call(put));
        Assert.Equal(first, _wire.Connect().Call(put));
        _client.AssertRefused("PUT", """{"obj": "a", "val": 2, "request_id": "r1"}""", "request_id_reused");

        string batch = Calls.Request("BATCH", """{"ops": [{"func": "DELETE", "params": {"obj": "a"}}], "request_id": "r2"}""");
        string done = _client.Call(batch);
        Assert.Contains("\"found\": true", done, StringComparison.Ordinal);
        Assert.Equal(done, _client.Call(batch));
    }

    [Fact]
    public void RequestSeq_HigherEqualLower_ExecutesRepeatsRefuses()
    {
        string first = _client.Call(Increment(1));
        string second = _client.Call(Increment(2));
        Assert.Contains("\"val\": 2", second, StringComparison.Ordinal);
        Assert.Equal(second, _client.Call(Increment(2)));
        string late = _client.Call(Increment(1));
        Frames.AssertError(late, "request_id_reused", "\"request_seq\" is 1, expected 2 or more");
        Frames.AssertError(
            _client.Call(Calls.Request("INCR", """{"obj": "n", "request_id": "slot"}""")), "request_id_reused", "\"request_seq\" is missing");
        _client.AssertRefused("INCR", """{"obj": "n", "by": 2, "request_id": "slot", "request_seq": 2}""", "request_id_reused");

        string batch = Calls.Request("BATCH", """{"ops": [{"func": "INCR", "params": {"obj": "n"}}], "request_id": "slot", "request_seq": 9}""");
        string done = _client.Call(batch);
        Assert.Equal(done, _client.Call(batch));
        Assert.Contains("\"val\": 3", done, StringComparison.Ordinal);
        Assert.NotEqual(first, done);
        Assert.Equal((3, 1), (_wire.Store.GetStats().Version, _wire.Store.GetStats().RequestIds));

        static string Increment(int sequence) =>
            Calls.Request("INCR", $$"""{"obj": "n", "request_id": "slot", "request_seq": {{sequence}}}""");
    }

    [Fact]
    public void RequestId_RepeatedAfterError_ReturnsRecordedError()
    {
        string put = Calls.Request("PUT", """{"obj": "a", "val": 1, "if_exists": true, "request_id": "r"}""");
        string first = _client.Call(put);
        Frames.ErrorCode(first);
        Assert.DoesNotContain("index", first, StringComparison.Ordinal);
        _client.Call(Frames.Put("a", "0"));
        Assert.Equal(first, _client.Call(put));
        _client.AssertCall("GET", """{"obj": "a"}""", """{"obj": "a", "val": 0}""");
    }
}
