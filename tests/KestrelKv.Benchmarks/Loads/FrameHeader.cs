using System.Buffers.Binary;

namespace KestrelKv.Benchmarks.Loads;

/// <summary>The header of KestrelKv's frames, implemented independently of the server, as in any client.</summary>
/// <remarks><code>
/// | version, int32 | bytes of the body, int32 | body |        little-endian
/// </code></remarks>
internal static class FrameHeader
{
    public const int Bytes = 8;

    private const int Version = 1;
    private const int LengthAt = 4;

    public static byte[] Before(ReadOnlySpan<byte> body) => [.. Of(body.Length), .. body];

    public static byte[] Of(int bodyBytes)
    {
        byte[] header = new byte[Bytes];
        BinaryPrimitives.WriteInt32LittleEndian(header, Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(LengthAt), bodyBytes);
        return header;
    }

    /// <summary>Returns the body length of the frame that starts here.</summary>
    public static int BodyBytes(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt32LittleEndian(frame[LengthAt..]);
}
