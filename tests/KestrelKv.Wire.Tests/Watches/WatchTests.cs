using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

public sealed class WatchTests : IDisposable
{
    private readonly TestWire _wire = new(options => options.WatchesMax = 3);
    private readonly TestClient _client;
    private readonly TestClient _writer;

    public WatchTests()
    {
        _client = _wire.Connect();
        _writer = _wire.Connect();
    }

    public void Dispose() => _wire.Dispose();

    [Fact]
    public async Task Watch_FromNow_SendsPositionThenChanges()
    {
        _writer.Call(Frames.Put("a", "0"));
        await AssertWatchAsync("{}", Reply(1, 1));
        _writer.Call(Frames.Put("a", "1"));
        Assert.Equal([Reply(1, 2, """{"version": 2, "kind": "put", "obj": "a", "expires_at": null}""")], await _client.RepliesAsync(1));
        _writer.Call(Calls.Request("EXPIRE", """{"obj": "a", "expires_at": 1790000000.5}"""));
        Assert.Equal(
            [Reply(1, 3, """{"version": 3, "kind": "set_expiry", "obj": "a", "expires_at": 1790000000.5}""")],
            await _client.RepliesAsync(1));
        _writer.Call(Calls.Request("DELETE", """{"obj": "a"}"""));
        Assert.Equal([Reply(1, 4, """{"version": 4, "kind": "delete", "obj": "a"}""")], await _client.RepliesAsync(1));
    }

    [Fact]
    public async Task Watch_FromVersion_SendsChangesFromThere()
    {
        for (int i = 1; i <= 4; i++) _writer.Call(Frames.Put($"k{i}", $"{i}.0"));
        _client.Send(Calls.RequestWithId("WATCH", """{"from_version": 3, "values": true}""", "\"w\""));
        Assert.Equal(
            [
                $"{Reply(1, 2)[..^1]}, \"id\": \"w\"}}",
                $"{Reply(1, 4,
                    """{"version": 3, "kind": "put", "obj": "k3", "val": 3.0, "expires_at": null}""",
                    """{"version": 4, "kind": "put", "obj": "k4", "val": 4.0, "expires_at": null}""")[..^1]}, \"id\": \"w\"}}",
            ],
            await _client.RepliesAsync(2));
    }

    [Fact]
    public async Task Watch_Prefix_SendsOnlyMatchingChanges()
    {
        await AssertWatchAsync("""{"prefix": "a:"}""", Reply(1, 0));
        _writer.Call(Frames.Put("b:1", "1"));
        _writer.Call(Frames.Put("a:\"é\"", "1"));
        Assert.Equal(
            [Reply(1, 2, """{"version": 2, "kind": "put", "obj": "a:\"é\"", "expires_at": null}""")], await _client.RepliesAsync(1));
    }

    [Fact]
    public async Task Watch_Batch_IsSentWhole()
    {
        await AssertWatchAsync("{}", Reply(1, 0));
        _writer.Call(
            Calls.Request(
                "BATCH",
                """{"ops": [{"func": "PUT", "params": {"obj": "a", "val": 1}}, {"func": "PUT", "params": {"obj": "b", "val": 1}}]}"""));
        Assert.Equal(
            [Reply(1, 1,
                """{"version": 1, "kind": "put", "obj": "a", "expires_at": null}""",
                """{"version": 1, "kind": "put", "obj": "b", "expires_at": null}""")],
            await _client.RepliesAsync(1));
    }

    [Fact]
    public async Task Watch_Several_AreDistinguishedByNumber()
    {
        await AssertWatchAsync("""{"prefix": "a"}""", Reply(1, 0));
        await AssertWatchAsync("""{"prefix": "b"}""", Reply(2, 0));
        _writer.Call(Frames.Put("b", "1"));
        Assert.Equal([Reply(2, 1, """{"version": 1, "kind": "put", "obj": "b", "expires_at": null}""")], await _client.RepliesAsync(1));
        _writer.Call(Frames.Put("a", "1"));
        Assert.Equal([Reply(1, 2, """{"version": 2, "kind": "put", "obj": "a", "expires_at": null}""")], await _client.RepliesAsync(1));
    }

    [Fact]
    public async Task Watch_LimitExceeded_IsRefusedUntilOneEnds()
    {
        for (int i = 1; i <= 3; i++) await AssertWatchAsync("{}", Reply(i, 0));
        Assert.Equal("too_many_watches", Frames.ErrorCode(await _client.CallAsync(Calls.Request("WATCH"))));
        await AssertUnwatchAsync(2);
        await AssertWatchAsync("{}", Reply(4, 0));
        Assert.Equal(3, _wire.Store.GetStats().Watches);
    }

    [Fact]
    public async Task Unwatch_EndsChanges()
    {
        await AssertWatchAsync("{}", Reply(1, 0));
        await AssertUnwatchAsync(1);
        _writer.Call(Frames.Put("a", "1"));
        _wire.Advance(TimeSpan.FromMinutes(1));
        Assert.True(_client.HearsNothing());
        Assert.Equal("invalid_value", Frames.ErrorCode(await _client.CallAsync(Calls.Request("UNWATCH", """{"watch": 1}"""))));
        Assert.Equal(0, _wire.Store.GetStats().Watches);
    }

    [Fact]
    public async Task Watch_OtherRequests_AreAnsweredInOrder()
    {
        await AssertWatchAsync("""{"prefix": "w"}""", Reply(1, 0));
        for (int i = 0; i < 100; i++)
        {
            _writer.Call(Frames.Put("w", $"{i}"));
            _client.Send(Frames.Put("a", $"{i}"), Frames.Get("a"), Calls.Request("PING"));
        }
        List<string> replies = [];
        while (replies.Count(reply => !IsWatch(reply)) < 300 || replies.Sum(Changes) < 100) replies.AddRange(await _client.RepliesAsync(1));
        Assert.Equal(100, replies.Sum(Changes));
        Assert.Equal(
            Enumerable.Range(0, 100).SelectMany(i => (string[])
                [Frames.PutReply("a"), Frames.GetReply("a", $"{i}"), Calls.Reply("PING", """{"response": "pong"}""")]),
            replies.Where(reply => !IsWatch(reply)));
    }

    [Fact]
    public async Task Watch_NoChangeForInterval_SendsBookmark()
    {
        await AssertWatchAsync("""{"prefix": "x", "bookmark_interval": 2.5}""", Reply(1, 0));
        _writer.Call(Frames.Put("a", "1"));
        _wire.Advance(TimeSpan.FromSeconds(2.4));
        Assert.True(_client.HearsNothing());
        _wire.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal([Reply(1, 1)], await _client.RepliesAsync(1));
        _wire.Advance(TimeSpan.FromSeconds(2.5));
        Assert.Equal([Reply(1, 1)], await _client.RepliesAsync(1));
    }

    [Fact]
    public async Task Watch_Change_RestartsInterval()
    {
        await AssertWatchAsync("""{"bookmark_interval": 2}""", Reply(1, 0));
        _wire.Advance(TimeSpan.FromSeconds(1.5));
        _writer.Call(Frames.Put("a", "1"));
        Assert.Single(await _client.RepliesAsync(1));
        _wire.Advance(TimeSpan.FromSeconds(1.5));
        Assert.True(_client.HearsNothing());
        _wire.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal([Reply(1, 1)], await _client.RepliesAsync(1));
    }

    [Fact]
    public async Task Watch_FromFutureVersion_IsRefused()
    {
        _writer.Call(Frames.Put("a", "1"));
        string reply = await _client.CallAsync(Calls.Request("WATCH", """{"from_version": 3}"""));
        Assert.Equal("future_version", Frames.ErrorCode(reply));
        Assert.EndsWith("\"version\": 1}}", reply);
        await AssertWatchAsync("""{"from_version": 2}""", Reply(1, 1));
    }

    [Fact]
    public async Task Close_WithOpenWatches_EndsThem()
    {
        await AssertWatchAsync("{}", Reply(1, 0));
        await AssertWatchAsync("{}", Reply(2, 0));
        _client.EndSending();
        await _client.ServedAsync();
        Assert.Equal(0, _wire.Store.GetStats().Watches);
    }

    private static bool IsWatch(string reply) => reply.Contains("\"func\": \"WATCH\"", StringComparison.Ordinal);

    private static int Changes(string reply) => IsWatch(reply) ? reply.Split("\"kind\": \"put\", \"obj\": \"w\"").Length - 1 : 0;

    private static string Reply(long watch, long version, params string[] changes) => Calls.Reply(
        "WATCH", $"{{\"watch\": {watch}, \"version\": {version}, \"changes\": [{string.Join(", ", changes)}]}}");

    private async Task AssertWatchAsync(string parameters, string reply) =>
        Assert.Equal(reply, await _client.CallAsync(Calls.Request("WATCH", parameters)));

    private async Task AssertUnwatchAsync(int number) => Assert.Equal(
        Calls.Reply("UNWATCH", $"{{\"watch\": {number}, \"response\": \"ok\"}}"),
        await _client.CallAsync(Calls.Request("UNWATCH", $"{{\"watch\": {number}}}")));
}
