using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace KestrelKv.Client;

/// <summary>The header of a frame. A request and a reply are one frame each.</summary>
/// <remarks><code>
/// offset  0         4        8
///         | version | length | body: length bytes of JSON
/// </code>
/// Version and length are signed 32-bit integers, little-endian.
/// </remarks>
internal static class FrameHeader
{
    /// <summary>The length of the header.</summary>
    public const int Bytes = 8;

    private const int LengthOffset = 4;
    private const int Version = 1;

    public static void Write(Span<byte> to, int length)
    {
        BinaryPrimitives.WriteInt32LittleEndian(to, Version);
        BinaryPrimitives.WriteInt32LittleEndian(to[LengthOffset..], length);
    }

    /// <summary>Reads the header of a reply. Its length is checked before the client waits for the body.</summary>
    /// <param name="text">At least the header.</param>
    /// <param name="bytesMax">The maximum length of the body.</param>
    /// <param name="length">The length of the body; 0 if the header is invalid.</param>
    /// <param name="fault">What is wrong with the header; otherwise null.</param>
    public static bool TryRead(ReadOnlySpan<byte> text, int bytesMax, out int length, [NotNullWhen(false)] out IOException? fault)
    {
        (length, fault) = (0, null);
        int version = BinaryPrimitives.ReadInt32LittleEndian(text);
        int bytes = BinaryPrimitives.ReadInt32LittleEndian(text[LengthOffset..]);
        if (version != Version || bytes < 0)
            fault = new($"The server sent a header with version {version} and length {bytes}, expected version 1: the port is not one of KestrelKv's wire protocol, or expects TLS.");
        else if (bytes > bytesMax)
            fault = new($"The server sent a reply of {bytes} bytes, expected at most {bytesMax} (ReplyBytesMax; 65536 while connecting).");
        else
            length = bytes;
        return fault is null;
    }
}
