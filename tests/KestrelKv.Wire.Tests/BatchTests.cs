using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>Requests that are split into reads in various ways.</summary>
public sealed class BatchTests
{
    private static readonly string[] Requests =
    [
        Frames.Get("a"), Frames.Put("a", "1.0"), Frames.Get("a"), "{\"func\": \"NOPE\"}", "not JSON",
        Frames.Put("é", "{\"z\": 1}"), Frames.Put("a", "\"two\""), "{\"func\": \"GET\"}", "", Frames.Get("a"), Frames.Get("é"), "[]",
    ];

    private static readonly string[] Expected =
    [
        Frames.GetReply("a", "null"), Frames.PutReply("a"), Frames.GetReply("a", "1.0"), Frames.UnknownReply("NOPE"), "invalid_json",
        Frames.PutReply("é"), Frames.PutReply("a"), "missing_parameter", "invalid_json",
        Frames.GetReply("a", "\"two\""), Frames.GetReply("é", "{\"z\": 1}"), "not_an_object",
    ];

    [Fact]
    public void Serve_OneRequestAtATime_RepliesToEach()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        Assert.Equal(Expected, Requests.Select(request => Frames.ErrorCode(client.Call(request))));
    }

    [Fact]
    public void Serve_AllInOneWrite_RepliesInOrder()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        client.Send(Requests);
        Assert.Equal(Expected, client.Replies().Select(Frames.ErrorCode));
    }

    [Fact]
    public void Serve_SplitAtEveryByte_RepliesTheSame()
    {
        byte[] stream = Frames.Stream(Requests);
        for (int i = 0; i <= stream.Length; i++) AssertServed([stream.AsMemory(0, i), stream.AsMemory(i)]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9)]
    [InlineData(100)]
    public void Serve_InSmallPieces_RepliesTheSame(int pieceBytes) =>
        AssertServed(Sequences.Chunks(Frames.Stream(Requests), pieceBytes));

    [Fact]
    public void Serve_WholeFramesBeforeIncompleteOne_AreAnsweredAtOnce()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        byte[] last = Frames.Of(Frames.Get("a"));
        client.Send([.. Frames.Of(Frames.Put("a", "1")), .. last.AsSpan(0, 20)]);
        Assert.Equal([Frames.PutReply("a")], client.Replies());
        client.Send(last.AsSpan(20));
        Assert.Equal([Frames.GetReply("a", "1")], client.Replies());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(256)]
    public void Serve_MoreThanOneBatch_RepliesToAllInOrder(int batchRequestsMax)
    {
        using var wire = new TestWire(options => options.BatchRequestsMax = batchRequestsMax);
        TestClient client = wire.Connect();
        int[] numbers = [.. Enumerable.Range(0, 1_000)];
        client.Send([.. numbers.SelectMany(i => (string[])[Frames.Put("a", $"{i}"), Frames.Get("a")])]);
        Assert.Equal(
            numbers.SelectMany(i => (string[])[Frames.PutReply("a"), Frames.GetReply("a", $"{i}")]),
            client.Replies());
    }

    [Fact]
    public void Serve_LargeValueInSmallPieces_IsStoredWhole()
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        string value = $"\"{string.Concat(Enumerable.Range(0, 50_000).Select(i => $"{i},"))}\"";
        foreach (ReadOnlyMemory<byte> piece in Sequences.Chunks(Frames.Of(Frames.Put("big", value)), 4_000)) client.Send(piece.Span);
        Assert.Equal([Frames.PutReply("big")], client.Replies());
        Assert.Equal(Frames.GetReply("big", value), client.Call(Frames.Get("big")));
    }

    [Fact]
    public void Serve_ManyClients_ShareOneStore()
    {
        using var wire = new TestWire();
        TestClient[] clients = [.. Enumerable.Range(0, 10).Select(_ => wire.Connect())];
        for (int i = 0; i < clients.Length; i++)
        {
            clients[i].Call(Frames.Put("a", $"{i}"));
            Assert.All(clients, client => Assert.Equal(Frames.GetReply("a", $"{i}"), client.Call(Frames.Get("a"))));
        }
        Assert.Equal(clients.Length, wire.Connections.Count);
    }

    private static void AssertServed(IEnumerable<ReadOnlyMemory<byte>> pieces)
    {
        using var wire = new TestWire();
        TestClient client = wire.Connect();
        foreach (ReadOnlyMemory<byte> piece in pieces)
            if (!piece.IsEmpty) client.Send(piece.Span);
        Assert.Equal(Expected, client.Replies().Select(Frames.ErrorCode));
        Assert.False(client.IsServed);
    }
}
