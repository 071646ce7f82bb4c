using System.Buffers.Binary;
using System.Text;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>KestrelKv's: frames with JSON.</summary>
internal sealed class FrameProtocol : ILoadProtocol
{
    private const int HeaderBytes = 8;

    public int OverheadBytesMax => 128;

    public int WriteGet(Span<byte> output, ReadOnlySpan<byte> key)
    {
        var body = new ByteWriter(output, HeaderBytes);
        body.Write("{\"func\": \"GET\", \"params\": {\"obj\": \""u8);
        body.Write(key);
        body.Write("\"}}"u8);
        return Close(output, body.Count);
    }

    public int WritePut(Span<byte> output, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var body = new ByteWriter(output, HeaderBytes);
        body.Write("{\"func\": \"PUT\", \"params\": {\"obj\": \""u8);
        body.Write(key);
        body.Write("\", \"val\": "u8);
        body.Write(value);
        body.Write("}}"u8);
        return Close(output, body.Count);
    }

    public int TakeGet(ReadOnlySpan<byte> replies, ReadOnlySpan<byte> key, int valueBytes) => Take(
        replies, "{\"status\": \"OK\", \"response\": {\"func\": \"GET\", \"response\": {\"obj\": \""u8, key, "\", \"val\": "u8, valueBytes, "}}}"u8);

    public int TakePut(ReadOnlySpan<byte> replies, ReadOnlySpan<byte> key) => Take(
        replies, "{\"status\": \"OK\", \"response\": {\"func\": \"PUT\", \"response\": {\"obj\": \""u8, key, "\", \"response\": \"ok"u8, 0, "\"}}}"u8);

    public bool IsGetAnswered(ReadOnlySpan<byte> reply) => reply.Length > HeaderBytes && reply[HeaderBytes..].StartsWith("{\"status\": \"OK\""u8);

    private static int Close(Span<byte> frame, int bytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame, 1);
        BinaryPrimitives.WriteInt32LittleEndian(frame[4..], bytes - HeaderBytes);
        return bytes;
    }

    /// <summary>Takes one frame: start, key, middle, bytes that may be any, end.</summary>
    private static int Take(
        ReadOnlySpan<byte> replies, ReadOnlySpan<byte> start, ReadOnlySpan<byte> key, ReadOnlySpan<byte> middle, int anyBytes, ReadOnlySpan<byte> end)
    {
        if (replies.Length < HeaderBytes) return 0;
        int length = BinaryPrimitives.ReadInt32LittleEndian(replies[4..]);
        if (replies.Length - HeaderBytes < length) return 0;

        ReadOnlySpan<byte> body = replies.Slice(HeaderBytes, length);
        int keyEnd = start.Length + key.Length;
        if (length == keyEnd + middle.Length + anyBytes + end.Length && body.StartsWith(start) && body.EndsWith(end)
            && body[start.Length..].StartsWith(key) && body[keyEnd..].StartsWith(middle))
        {
            return HeaderBytes + length;
        }
        throw new InvalidDataException($"not the reply expected: {Encoding.UTF8.GetString(body)}");
    }
}
