using System.Buffers;
using System.Buffers.Binary;

namespace KestrelKv.Protocol;

/// <summary>Reads frames from a stream of bytes.</summary>
/// <remarks><code>
///   0               4               8                             8 + length
///   +---------------+---------------+-----------------------------+
///   | version       | length        | body                        |
///   | int32 LE, 1   | int32 LE      | `length` bytes, UTF-8 JSON  |
///   +---------------+---------------+-----------------------------+
/// </code></remarks>
public static class FrameReader
{
    /// <summary>The supported version.</summary>
    public const int Version = 1;

    /// <summary>The length of the header, in bytes.</summary>
    public const int HeaderBytes = 8;

    private const int VersionOffset = 0;
    private const int LengthOffset = 4;

    /// <summary>Reads one frame from the start of <paramref name="buffer"/>.</summary>
    /// <param name="buffer">The received bytes. Advanced past the frame if it is complete, otherwise unchanged.</param>
    /// <param name="frameBytesMax">The maximum length of a body. A longer one is an error once the header has arrived.</param>
    /// <param name="body">The frame's body, a slice of <paramref name="buffer"/>.</param>
    /// <param name="error">The reason why the stream cannot be read further; null if it can.</param>
    /// <returns>False if the frame is invalid or incomplete.</returns>
    public static bool TryRead(
        ref ReadOnlySequence<byte> buffer, int frameBytesMax, out ReadOnlySequence<byte> body, out ProtocolError? error)
    {
        body = default;
        error = null;

        scoped ReadOnlySpan<byte> header = buffer.FirstSpan;
        if (header.Length < HeaderBytes)
        {
            if (buffer.Length < HeaderBytes) return false;
            Span<byte> copy = stackalloc byte[HeaderBytes];
            buffer.Slice(0, HeaderBytes).CopyTo(copy);
            header = copy;
        }

        int version = BinaryPrimitives.ReadInt32LittleEndian(header[VersionOffset..]);
        int length = BinaryPrimitives.ReadInt32LittleEndian(header[LengthOffset..]);
        if (version != Version || (uint)length > (uint)frameBytesMax)
        {
            error = Refuse(header, version, length, frameBytesMax);
            return false;
        }

        if (buffer.Length - HeaderBytes < length) return false;
        body = buffer.Slice(HeaderBytes, length);
        buffer = buffer.Slice(body.End);
        return true;
    }

    /// <summary>Returns the length in the header at the start of the buffer, valid or not; 0 if the header is incomplete.</summary>
    public static int LengthOf(in ReadOnlySequence<byte> buffer)
    {
        if (buffer.Length < HeaderBytes) return 0;
        Span<byte> header = stackalloc byte[HeaderBytes];
        buffer.Slice(0, HeaderBytes).CopyTo(header);
        return BinaryPrimitives.ReadInt32LittleEndian(header[LengthOffset..]);
    }

    /// <summary>Returns the error of a stream that ends with <paramref name="rest"/>; null if it ended between frames.</summary>
    public static ProtocolError? AtEnd(in ReadOnlySequence<byte> rest)
    {
        if (rest.IsEmpty) return null;
        if (rest.Length < HeaderBytes)
            return new(ErrorCode.TruncatedFrame, $"the stream ended after {rest.Length} of the {HeaderBytes} bytes of a frame's header");

        Span<byte> header = stackalloc byte[HeaderBytes];
        rest.Slice(0, HeaderBytes).CopyTo(header);
        int length = BinaryPrimitives.ReadInt32LittleEndian(header[LengthOffset..]);
        return new(ErrorCode.TruncatedFrame, $"the stream ended after {rest.Length - HeaderBytes} of the {length} bytes of a frame's body");
    }

    private static ProtocolError Refuse(ReadOnlySpan<byte> header, int version, int length, int frameBytesMax)
    {
        if (HttpText.LooksLikeHttp(header))
            return new(ErrorCode.HttpRequest, "HTTP request on the wire port");

        if (version == BinaryPrimitives.ReverseEndianness(Version))
            return new(ErrorCode.UnsupportedVersion,
                $"frame version {version}, expected {Version}: the header looks big-endian, expected little-endian " +
                "(Python: struct.pack(\"<ii\", 1, n))");

        if (version != Version)
            return new(ErrorCode.UnsupportedVersion, $"frame version {version}, expected {Version}");

        return length < 0
            ? new(ErrorCode.InvalidLength, $"frame length {length}, expected 0 to {frameBytesMax}")
            : new(ErrorCode.FrameTooLong, $"frame length {length}, expected at most {frameBytesMax} bytes (Limits:FrameBytesMax)");
    }
}
