using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Sliding expiry: GET and MGET with <c>touch</c>.</summary>
public sealed class TouchTests : IDisposable
{
    private readonly TestWire _wire = new();
    private readonly TestClient _client;

    public TouchTests()
    {
        _client = _wire.Connect();
        _client.Call(Calls.Request("PUT", """{"obj": "a", "val": {"n": 1}, "ttl": 2}"""));
        _client.Call(Calls.Request("PUT", """{"obj": "b", "val": 2}"""));
    }

    public void Dispose() => _wire.Dispose();

    [Theory]
    [InlineData("GET", """{"obj": "a", "touch": 10.0001}""")]
    [InlineData("GET", """{"obj": "a", "touch": 10.0001, "path": "/none"}""")]
    [InlineData("GET", """{"obj": "a", "touch": 10.0001, "ack": "memory"}""")]
    [InlineData("MGET", """{"objs": ["b", "a", "none", "a"], "touch": 10.0001}""")]
    [InlineData("BATCH", """{"ops": [{"func": "GET", "params": {"obj": "a", "touch": 10.0001}}]}""")]
    [InlineData("BATCH", """{"ops": [{"func": "GET", "params": {"obj": "a", "touch": 10.0001}}], "request_id": "r"}""")]
    public void Touch_LaterThanTheExpiry_ExtendsItRoundedUp(string function, string parameters)
    {
        Assert.StartsWith("{\"status\": \"OK\"", _client.Call(Calls.Request(function, parameters)), StringComparison.Ordinal);
        _wire.Advance(TimeSpan.FromMilliseconds(10_000));
        _client.AssertCall("MGET", """{"objs": ["a", "b"]}""",
            """{"entries": [{"obj": "a", "val": {"n": 1}, "found": true}, {"obj": "b", "val": 2, "found": true}]}""");
        _wire.Advance(TimeSpan.FromMilliseconds(1));
        _client.AssertCall("GET", """{"obj": "a"}""", """{"obj": "a", "val": null}""");
    }

    [Fact]
    public void Touch_WithMeta_ReturnsTheNewExpiryAndTheSameVersion()
    {
        string expected = $"{(_wire.Time.GetUtcNow() + TimeSpan.FromSeconds(60)).ToUnixTimeSeconds()}";
        _client.AssertCall("GET", """{"obj": "a", "touch": 60, "meta": true}""",
            $$"""{"obj": "a", "val": {"n": 1}, "found": true, "version": 1, "expires_at": {{expected}}}""");
        _client.AssertCall("MGET", """{"objs": ["a", "b"], "touch": 30, "meta": true}""",
            $$"""
            {"entries": [{"obj": "a", "val": {"n": 1}, "found": true, "version": 1, "expires_at": {{expected}}}, {"obj": "b", "val": 2, "found": true, "version": 2, "expires_at": null}]}
            """);
        _client.AssertCall("INCR", """{"obj": "a", "path": "/n", "if_version": 1}""",
            $$"""{"obj": "a", "val": 2, "found": true, "version": 3, "expires_at": {{expected}}}""");
    }

    [Fact]
    public void Touch_EndsAfterTheYear9999_IsRefused()
    {
        string reply = _client.AssertRefused("GET", """{"obj": "a", "touch": 253402300799}""", "invalid_value");
        Assert.Contains("\"touch\\\" ends after the year 9999", reply, StringComparison.Ordinal);
        _client.AssertRefused("MGET", """{"objs": ["a"], "touch": 253402300799}""", "invalid_value");
        Assert.Contains("\"index\": 1", _client.AssertRefused("BATCH",
            """{"ops": [{"func": "GET", "params": {"obj": "a"}}, {"func": "GET", "params": {"obj": "a", "touch": 253402300799}}]}""",
            "invalid_value"), StringComparison.Ordinal);
    }

    [Fact]
    public void Touch_OfAWatchedKey_IsNotReported()
    {
        TestClient watcher = _wire.Connect();
        watcher.Call(Calls.Request("WATCH", """{"bookmark_interval": 3600}"""));
        _client.Call(Calls.Request("GET", """{"obj": "a", "touch": 60}"""));
        _client.Call(Calls.Request("MGET", """{"objs": ["a"], "touch": 70}"""));
        Assert.Empty(watcher.Replies());
        Assert.Equal(2, _wire.Store.GetStats().Version);
    }

    [Fact]
    public void Touch_OnTheEngine_CommitsNothing()
    {
        using var store = new EmbeddedStore(_wire.Time);
        using var wire = new TestWire(store: store);
        TestClient client = wire.Connect();
        client.Call(Calls.Request("PUT", """{"obj": "a", "val": 1, "ttl": 60}"""));
        for (int i = 0; i < 100; i++) client.Call(Calls.Request("GET", $$"""{"obj": "a", "touch": {{61 + i}}}"""));
        Assert.Equal(1, store.GetStats().Version);
    }

    /// <summary>A GET with touch allocates what a GET with meta does: its options.</summary>
    [Fact]
    public void Touch_OfTheEngine_AllocatesNoMoreThanMeta()
    {
        const int Rounds = 20;
        using var store = new EmbeddedStore(TimeProvider.System);
        using var wire = new TestWire(store: store);
        wire.Metrics.Dispose();
        TestClient client = wire.Connect();
        client.Call(Calls.Request("PUT", """{"obj": "key", "val": 1, "ttl": 1000}"""));
        // In the usual order of members, the fast parser accepts meta, but not touch.
        byte[] meta = Frames.Stream(Enumerable.Repeat(Calls.Request("GET", """{"meta": true, "obj": "key"}"""), 100));
        byte[] touch = Frames.Stream(Enumerable.Repeat(Calls.Request("GET", """{"obj": "key", "meta": true, "touch": 2000.5}"""), 100));
        long forMeta = Least(meta), forTouch = Least(touch);
        Assert.True(forMeta > 0);

        // The runtime may allocate while it recompiles a method; an object for each request would have at least 24 bytes.
        Assert.InRange(forTouch, 0, forMeta + 100 * Rounds);

        long Least(byte[] batch) => Enumerable.Range(0, 10).Min(_ => Inline.Run(() =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Rounds; i++)
            {
                client.SendInline(batch);
                client.Discard();
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }));
    }
}
