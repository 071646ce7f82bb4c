using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Constants;

/// <summary>Prepared replies to the requests of the load. Only the key is inserted.</summary>
internal sealed class ConstantReplies
{
    private const int FunctionAt = FrameHeader.Bytes + 10; // After {"func": "

    private readonly MessageShape _getRequest;
    private readonly MessageShape _getReply;
    private readonly MessageShape _putReply;
    private readonly byte[] _get;
    private readonly byte[] _put;

    public ConstantReplies(int valueBytes)
    {
        LoadProtocol frames = LoadProtocol.Frames;
        _getRequest = frames.ShapeOf(frames.GetRequest, valueBytes);
        _getReply = frames.ShapeOf(frames.GetReply, valueBytes);
        _putReply = frames.ShapeOf(frames.PutReply, valueBytes);
        _get = new byte[_getReply.Length];
        _put = new byte[_putReply.Length];
        byte[] digits = new byte[valueBytes];
        digits.AsSpan().Fill((byte)'0');
        _getReply.Write(_get, key: 0, digits);
        _putReply.Write(_put, key: 0, digits);
    }

    /// <summary>The space that a reply may need.</summary>
    public int ReplyBytesMax => Math.Max(_get.Length, _put.Length);

    /// <summary>Returns the length of the request at the beginning of some bytes; 0 if it is incomplete.</summary>
    public static int RequestBytes(ReadOnlySpan<byte> received)
    {
        if (received.Length < FrameHeader.Bytes) return 0;
        int bytes = FrameHeader.Bytes + FrameHeader.BodyBytes(received);
        return received.Length < bytes ? 0 : bytes;
    }

    /// <summary>Writes the reply to a request, and returns its length.</summary>
    public int Write(ReadOnlySpan<byte> request, Span<byte> output)
    {
        // The key is at the same offset in both requests.
        (byte[] reply, MessageShape shape) = request[FunctionAt] == 'G' ? (_get, _getReply) : (_put, _putReply);
        reply.CopyTo(output);
        request.Slice(_getRequest.KeyAt, LoadData.KeyBytes).CopyTo(output[shape.KeyAt..]);
        return reply.Length;
    }
}
