using System.Text;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Protocol.Tests;

public sealed class ReplyWriterTests
{
    private const int Plenty = 4_096;

    [Theory]
    [InlineData("\"k\"")]
    [InlineData("""
        "\u0061 é \" \ud83d\ude00"
        """)]
    public void WritePut_AnyKey_HasFormat(string key) => AssertReply(
        replies => replies.WritePut(Utf8(key)),
        $$$$"""{"status": "OK", "response": {"func": "PUT", "response": {"obj": {{{{key}}}}, "response": "ok"}}}""");

    [Theory]
    [InlineData("\"k\"", "null")]
    [InlineData("\"k\"", "1e400")]
    [InlineData("\"\\u0061\"", "{\"a\" :[1.0,\n\"\\u00e9\"]}")]
    public void WriteGet_AnyValue_HasFormat(string key, string value) => AssertReply(
        replies => replies.WriteGet(Utf8(key), Utf8(value)),
        $$$$"""{"status": "OK", "response": {"func": "GET", "response": {"obj": {{{{key}}}}, "val": {{{{value}}}}}}}""");

    [Theory]
    [InlineData("\"NOPE\"")]
    [InlineData("\"\"")]
    [InlineData("\"\\ud800\"")]
    public void WriteUnknownFunction_AnyName_HasFormat(string name) => AssertReply(
        replies => replies.WriteUnknownFunction(Utf8(name)),
        $$$$"""{"status": "OK", "response": {"func": {{{{name}}}}, "response": "ERROR - Function doesn't exist"}}""");

    [Fact]
    public void WriteError_EveryCode_HasFormat()
    {
        foreach (ErrorCode code in Enum.GetValues<ErrorCode>())
            AssertReply(
                replies => replies.WriteError(new(code, "It's 'so' & <so>.")),
                $$$$"""{"status": "ERROR", "error": {"code": "{{{{ErrorCodes.Text(code)}}}}", "message": "It's 'so' & <so>."}}""");
    }

    [Fact]
    public void WriteError_OptionalMembers_AreInOrder() => AssertReply(
        replies => replies.WriteError(new(ErrorCode.Compacted, "m") { Index = 2, Version = 0, OldestVersion = 7, Watch = 1 }),
        """{"status": "ERROR", "error": {"code": "compacted", "message": "m", "index": 2, "version": 0, "oldest_version": 7, "watch": 1}}""");

    [Theory]
    [InlineData("1")]
    [InlineData("-1.50e3")]
    [InlineData("""
        "\u0061 é"
        """)]
    public void Write_Id_IsLastMember(string id)
    {
        AssertReply(replies => replies.WritePut("\"k\""u8, Utf8(id)), $"{Frames.PutReply("k")[..^1]}, \"id\": {id}}}");
        AssertReply(replies => replies.WriteGet("\"k\""u8, "1"u8, Utf8(id)), $"{Frames.GetReply("k", "1")[..^1]}, \"id\": {id}}}");
        AssertReply(replies => replies.WriteUnknownFunction("\"F\""u8, Utf8(id)), $"{Frames.UnknownReply("F")[..^1]}, \"id\": {id}}}");
        AssertReply(
            replies => replies.WriteError(new(ErrorCode.NotFound, "m") { Version = 0 }, Utf8(id)),
            $$$"""{"status": "ERROR", "error": {"code": "not_found", "message": "m", "version": 0}, "id": {{{id}}}}""");
        AssertReply(
            replies => replies.WriteResponse(Function.Ping, "{\"a\": "u8, Text("1"u8), "}"u8, Utf8(id)),
            $$$"""{"status": "OK", "response": {"func": "PING", "response": {"a": 1}}, "id": {{{id}}}}""");
    }

    [Fact]
    public void WriteValue_GetWithoutOptionalMembers_EqualsPlainReply()
    {
        using var text = new TextBuffer();
        ResponseText.WriteValue(text, "\"k\""u8, "[1 ]"u8, default);
        AssertReply(replies => replies.WriteResponse(Function.Get, default, text, default), Frames.GetReply("k", "[1 ]"));
        text.Clear();
        ResponseText.WriteOk(text, "\"k\""u8, default);
        AssertReply(replies => replies.WriteResponse(Function.Put, default, text, default), Frames.PutReply("k"));
    }

    [Theory]
    [InlineData("a \"quoted\" word")]
    [InlineData("control \0 \u0001 \u001f \r\n\t and \\")]
    [InlineData("é 😀 \uFFFD")]
    public void WriteError_AnyMessage_IsJson(string message) => AssertMessage(message, message);

    [Fact]
    public void WriteError_LoneSurrogate_IsReplaced() => AssertMessage($"lone surrogate: {'\ud800'}", "lone surrogate: \uFFFD");

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(4_096)]
    public void WriteHttp_AnyBlockSize_WritesHttpResponse(int blockBytes) =>
        Assert.Equal(HttpText.Response.ToArray(), Written(replies => replies.WriteHttp(), blockBytes));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(4_096)]
    [InlineData(100_000)]
    public void Write_AnyBlockSize_WritesSameBytes(int blockBytes)
    {
        byte[] value = Utf8($"\"{new string('v', 50_000)}\"");
        byte[] written = Written(WriteSome, blockBytes);
        Assert.Equal(Written(WriteSome, 1 << 20), written);

        void WriteSome(ReplyWriter replies)
        {
            replies.WritePut("\"a\""u8);
            replies.WriteGet("\"a\""u8, value);
            replies.WriteGet("\"b\""u8, "null"u8);
            replies.WriteUnknownFunction("\"F\""u8);
            replies.WriteError(new(ErrorCode.WrongType, "no"));
        }
    }

    [Fact]
    public void Write_BlockEndAtEveryByte_WritesSameBytesAndCount()
    {
        byte[] expected = Written(WriteSome, 1 << 20);
        for (int blockBytes = 1; blockBytes <= expected.Length + 1; blockBytes++)
        {
            var output = new BlockWriter(blockBytes);
            var replies = new ReplyWriter(output);
            WriteSome(replies);
            replies.Commit();
            Assert.Equal(expected, output.Written);
            Assert.Equal(expected.Length, replies.BytesWritten);
        }

        void WriteSome(ReplyWriter replies)
        {
            replies.WritePut("\"a\""u8);
            replies.WriteGet("\"b\""u8, "123"u8);
            replies.WritePut("\"c\""u8, "17"u8);
            replies.WriteGet("\"d\""u8, "[]"u8, "\"i\""u8);
        }
    }

    [Fact]
    public void TryRetract_ReplyAtBlockEnd_IsRetracted()
    {
        byte[] put = Frames.Of(Frames.PutReply("a"));
        var output = new BlockWriter(2 * put.Length);
        var replies = new ReplyWriter(output);
        replies.WritePut("\"a\""u8);
        replies.WritePut("\"b\""u8);
        Assert.True(replies.TryRetract(put.Length));
        replies.WritePut("\"a\""u8);
        replies.Commit();
        Assert.Equal([.. put, .. put], output.Written);
        Assert.Equal(1, output.Advances);
    }

    [Fact]
    public void Write_LargeValue_IsCompleteWithCorrectLength()
    {
        string value = $"\"{new string('x', 3_000_000)}\"";
        byte[] frame = Written(replies => replies.WriteGet("\"k\""u8, Utf8(value)), Plenty);
        Assert.Equal(Frames.GetReply("k", value), Encoding.UTF8.GetString(AssertFrame(frame)));
    }

    [Fact]
    public void Commit_ManySmallReplies_AdvancesOnce()
    {
        var output = new BlockWriter(Plenty);
        var replies = new ReplyWriter(output);
        for (int i = 0; i < 20; i++) replies.WritePut("\"k\""u8);
        Assert.Empty(output.Written);

        replies.Commit();
        Assert.Equal(1, output.Advances);
        Assert.Equal(Enumerable.Repeat(Frames.Of(Frames.PutReply("k")), 20).SelectMany(f => f), output.Written);

        replies.Commit();
        Assert.Equal(1, output.Advances);
    }

    [Fact]
    public void BytesWritten_AfterEachReply_IsSumOfLengths()
    {
        var output = new BlockWriter(5);
        var replies = new ReplyWriter(output);
        Assert.Equal(0, replies.BytesWritten);
        for (int i = 1; i <= 10; i++)
        {
            replies.WriteGet("\"k\""u8, "12"u8);
            if (i % 3 == 0) replies.Commit();
            Assert.Equal(i * Frames.Of(Frames.GetReply("k", "12")).Length, replies.BytesWritten);
        }
        replies.WriteHttp();
        replies.Commit();
        Assert.Equal(output.Written.Length, replies.BytesWritten);
    }

    [Fact]
    public void TryRetract_UncommittedReplies_AreRetracted()
    {
        var output = new BlockWriter(Plenty);
        var replies = new ReplyWriter(output);
        replies.WritePut("\"a\""u8);
        replies.Commit();
        replies.WritePut("\"b\""u8);
        long mark = replies.BytesWritten;
        replies.WritePut("\"c\""u8);
        replies.WriteGet("\"d\""u8, "1"u8);

        Assert.True(replies.TryRetract(mark));
        Assert.Equal(mark, replies.BytesWritten);
        replies.WritePut("\"e\""u8);
        replies.Commit();
        Assert.Equal([Frames.PutReply("a"), Frames.PutReply("b"), Frames.PutReply("e")], Frames.Bodies(output.Written));
        Assert.Equal(output.Written.Length, replies.BytesWritten);
    }

    [Fact]
    public void TryRetract_CommittedReplies_ReturnsFalse()
    {
        var output = new BlockWriter(100);
        var replies = new ReplyWriter(output);
        replies.WritePut("\"a\""u8);
        long mark = replies.BytesWritten;
        replies.WriteGet("\"b\""u8, new byte[200]);
        long written = replies.BytesWritten;
        Assert.False(replies.TryRetract(mark));
        Assert.Equal(written, replies.BytesWritten);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(1_000_000)]
    public void WriteResponse_AnyBodyLength_IsComplete(int bytes)
    {
        string body = new([.. Enumerable.Range(0, bytes).Select(i => (char)('a' + (i % 26)))]);
        byte[] written = Written(replies => replies.WriteResponse(Function.Mget, "["u8, Text(Utf8(body)), "]"u8, "7"u8), Plenty);
        Assert.Equal(
            [$$"""{"status": "OK", "response": {"func": "MGET", "response": [{{body}}]}, "id": 7}"""], Frames.Bodies(written));
    }

    [Fact]
    public void Write_RepliesOfAllSizes_KeepOrder() => Seeds.Run(random =>
    {
        var output = new BlockWriter(Plenty);
        using var budget = new CountedBudget();
        var replies = new ReplyWriter(output, budget.Budget);
        List<string> expected = [];
        for (int i = 0; i < 60; i++)
        {
            string value =
                $"\"{new string((char)('a' + (i % 26)), random.Next(random.Next(3) switch { 0 => 50, 1 => 5_000, _ => 300_000 }))}\"";
            if (random.Next(5) == 0)
            {
                long mark = replies.BytesWritten;
                replies.WriteGet("\"lost\""u8, Utf8(value));
                if (replies.TryRetract(mark)) continue;
                expected.Add(Frames.GetReply("lost", value));
                continue;
            }
            using var text = new TextBuffer(budget.Budget);
            text.Write(Utf8(value));
            if (random.Next(2) == 0) replies.WriteGet("\"k\""u8, Utf8(value));
            else replies.WriteResponse(Function.Get, "{\"obj\": \"k\", \"val\": "u8, text, "}"u8);
            expected.Add(Frames.GetReply("k", value));
        }
        long written = replies.BytesWritten;
        byte[] sent = Sent(replies, output);
        Assert.Equal(expected, Frames.Bodies(sent));
        Assert.Equal(written, sent.Length);
    });

    [Fact]
    public void TryRetract_LargeReplyAfterSmallOne_KeepsSmallOne()
    {
        var output = new BlockWriter(Plenty);
        var budget = new ByteBudget(long.MaxValue, TimeProvider.System);
        var replies = new ReplyWriter(output, budget);
        replies.WritePut("\"a\""u8);
        long mark = replies.BytesWritten;
        replies.WriteGet("\"b\""u8, new byte[1_000_000]);
        Assert.InRange(budget.Taken, 1_000_000, 1_200_000);
        Assert.True(replies.TryRetract(mark));
        Assert.Equal(0, budget.Taken);
        replies.WritePut("\"c\""u8);
        Assert.Equal([Frames.PutReply("a"), Frames.PutReply("c")], Frames.Bodies(Sent(replies, output)));
    }

    private static void AssertMessage(string message, string expected)
    {
        byte[] frame = Written(replies => replies.WriteError(new(ErrorCode.InternalError, message)), Plenty);
        using JsonDocument reply = JsonDocument.Parse(AssertFrame(frame));
        Assert.Equal(expected, reply.RootElement.GetProperty("error").GetProperty("message").GetString());
    }

    private static void AssertReply(Action<ReplyWriter> write, string body)
    {
        foreach (int blockBytes in (int[])[1, 13, Plenty])
            Assert.Equal(body, Encoding.UTF8.GetString(AssertFrame(Written(write, blockBytes))));
        using JsonDocument reply = JsonDocument.Parse(body);
        Assert.Equal(JsonValueKind.Object, reply.RootElement.ValueKind);
    }

    /// <summary>Asserts that bytes are one frame of version 1 with the correct length. Returns the body.</summary>
    private static byte[] AssertFrame(byte[] frame)
    {
        byte[] body = frame[FrameReader.HeaderBytes..];
        Assert.Equal(Frames.Header(1, body.Length), frame[..FrameReader.HeaderBytes]);
        return body;
    }

    private static byte[] Written(Action<ReplyWriter> write, int blockBytes)
    {
        var output = new BlockWriter(blockBytes);
        var replies = new ReplyWriter(output);
        write(replies);
        return Sent(replies, output);
    }

    /// <summary>Returns all bytes written: those of the output, then the pieces.</summary>
    private static byte[] Sent(ReplyWriter replies, BlockWriter output)
    {
        replies.Commit();
        using var sent = new MemoryStream();
        sent.Write(output.Written);
        while (replies.Pieces.First is { IsEmpty: false } piece)
        {
            sent.Write(piece.Span);
            replies.Pieces.ReleaseFirst();
        }
        Assert.Equal(0, replies.Pieces.Bytes);
        return sent.ToArray();
    }

    /// <summary>Asserts at the end that no bytes are taken.</summary>
    private sealed class CountedBudget : IDisposable
    {
        public ByteBudget Budget { get; } = new(long.MaxValue, TimeProvider.System);

        public void Dispose() => Assert.Equal(0, Budget.Taken);
    }

    private static TextBuffer Text(ReadOnlySpan<byte> text)
    {
        var buffer = new TextBuffer();
        buffer.Write(text);
        return buffer;
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
