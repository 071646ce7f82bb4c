using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>All functions in one stream, split in various ways.</summary>
public sealed class ManyFunctionsTests
{
    private static readonly (string Function, string Parameters, string Response)[] Script =
    [
        ("PUT", """{"obj": "a", "val": 1}""", """{"obj": "a", "response": "ok"}"""),
        ("INCR", """{"obj": "a", "by": 2, "request_id": "x"}""", """{"obj": "a", "val": 3, "found": true, "version": 2, "expires_at": null}"""),
        ("GET", """{"obj": "a"}""", """{"obj": "a", "val": 3}"""),
        ("BATCH", """{"ops": [{"func": "PUT", "params": {"obj": "b", "val": {"z": 1}}}]}""", """{"version": 3, "results": [{"obj": "b", "response": "ok"}]}"""),
        ("PATCH", """{"obj": "b", "merge": {"y": 2}}""", """{"obj": "b", "response": "ok", "found": true, "version": 4, "expires_at": null}"""),
        ("PING", "{}", """{"response": "pong"}"""),
        ("MGET", """{"objs": ["a", "c"]}""", """{"entries": [{"obj": "a", "val": 3, "found": true}, {"obj": "c", "val": null, "found": false}]}"""),
        ("EXPIRE", """{"obj": "a", "expires_at": 1790000000}""", """{"obj": "a", "response": "ok", "found": true, "version": 5, "expires_at": 1790000000}"""),
        ("SCAN", "{}", """{"entries": [{"obj": "a"}, {"obj": "b"}], "next": null, "version": 5}"""),
        ("WATCH", """{"bookmark_interval": 3600}""", """{"watch": 1, "version": 5, "changes": []}"""),
        ("UNWATCH", """{"watch": 1}""", """{"watch": 1, "response": "ok"}"""),
        ("DELETE", """{"obj": "a"}""", """{"obj": "a", "response": "ok", "found": true, "version": 6}"""),
        ("GET", """{"obj": "a", "meta": true}""", """{"obj": "a", "val": null, "found": false, "version": 0, "expires_at": null}"""),
    ];

    private static readonly byte[] Stream = Frames.Stream(Script.Select(step => Calls.Request(step.Function, step.Parameters)));

    private static readonly string[] Expected = [.. Script.Select(step => Calls.Reply(step.Function, step.Response))];

    [Fact]
    public void Serve_AllInOneWrite_RepliesInOrder() => AssertServed(Stream);

    [Fact]
    public void Serve_SplitAtEveryByte_RepliesTheSame()
    {
        for (int i = 1; i < Stream.Length; i++) AssertServed(Stream.AsMemory(0, i), Stream.AsMemory(i));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    public void Serve_InSmallPieces_RepliesTheSame(int pieceBytes) => AssertServed([.. Sequences.Chunks(Stream, pieceBytes)]);

    [Fact]
    public void Serve_SmallBatchesAndReplies_RepliesTheSame()
    {
        using var wire = new TestWire(options => (options.BatchRequestsMax, options.ReplyBytesMax) = (2, 64));
        TestClient client = wire.Connect();
        client.Send(Stream);
        Assert.Equal(Expected, client.Replies());
    }

    [Fact]
    public void Serve_EachFunction_IsCounted()
    {
        using var wire = new TestWire();
        wire.Connect().Send(Stream);
        foreach (var group in Script.GroupBy(step => step.Function))
            Assert.Equal(group.Count(), wire.Metrics[$"kestrelkv.wire.requests{{function={group.Key},outcome=ok}}"]);
    }

    private static void AssertServed(params ReadOnlyMemory<byte>[] pieces)
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        foreach (ReadOnlyMemory<byte> piece in pieces) client.Send(piece.Span);
        Assert.Equal(Expected, client.Replies());
    }
}
