using System.Buffers.Binary;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>What stands before each message of KestrelKv's: written down once more here, as any client has to.</summary>
/// <remarks><code>
/// | version, int32 | bytes of the body, int32 | body |        little-endian
/// </code></remarks>
internal static class FrameHeader
{
    public const int Bytes = 8;

    private const int Version = 1;
    private const int LengthAt = 4;

    /// <summary>A whole frame.</summary>
    public static byte[] Before(ReadOnlySpan<byte> body) => [.. Of(body.Length), .. body];

    public static byte[] Of(int bodyBytes)
    {
        byte[] header = new byte[Bytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(LengthAt), bodyBytes);
        return header;
    }

    /// <summary>How long the body is of the frame that begins here.</summary>
    public static int BodyBytes(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt32LittleEndian(frame[LengthAt..]);
}
