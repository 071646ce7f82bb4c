using System.Buffers.Binary;

namespace KestrelKv.Storage.Commits;

/// <summary>What a frame has.</summary>
internal enum FrameKind : uint
{
    /// <summary>One commit; the number is its version, the payload its records.</summary>
    Commit = 1,

    /// <summary>
    /// Begins what is written to a segment at once; the number is the offset up to which the segment was synced by then. So
    /// what a whole mark proves to have been synced is told apart from a tail that never was.
    /// </summary>
    Mark = 2,

    /// <summary>Ends a segment; the number is that of the next one.</summary>
    SegmentEnd = 3,

    /// <summary>Entries of a snapshot; the number is the payload's length.</summary>
    Entries = 4,

    /// <summary>The same, compressed (Brotli, RFC 7932); the number is the length of what it was.</summary>
    CompressedEntries = 5,

    /// <summary>Ends a snapshot; the number is its version, the payload a <see cref="SnapshotEnd"/>.</summary>
    SnapshotEnd = 6,

    /// <summary>Begins the versions of a run; the number and the payload are a <c>VersionJump</c>.</summary>
    VersionJump = 7,
}

/// <summary>The unit that files are made of: a header, a payload, and zeros up to a multiple of eight bytes.</summary>
/// <remarks><code>
///   0          4          8          12      16       24
///   +----------+----------+----------+-------+--------+---------------------+- - - -+
///   | checksum | length   | previous | kind  | number | payload             | zeros |
///   | uint32   | int32    | uint32   | uint32| int64  | `length` bytes      |       |
///   +----------+----------+----------+-------+--------+---------------------+- - - -+
/// </code>
/// The checksum is a CRC-32C of all that comes after it, up to the last zero, that begins with the checksum of the file's
/// header. <c>previous</c> is the checksum of the frame before, or of the file's header: the chain. So a frame can be
/// checked by itself, and a frame that is whole but follows another one than it did when it was written is found out.
/// </remarks>
internal static class Frame
{
    public const int HeaderBytes = 24;

    /// <summary>The longest payload: an operation with the longest key and value, and some.</summary>
    public const int PayloadBytesMax = Operation.ValueBytesMax + 1024 * 1024;

    private const int Alignment = 8;
    private const int LengthOffset = 4;
    private const int PreviousOffset = 8;
    private const int KindOffset = 12;
    private const int NumberOffset = 16;

    /// <summary>How many bytes a frame takes.</summary>
    public static int BytesFor(int payloadBytes) => checked(HeaderBytes + payloadBytes + Alignment - 1) & -Alignment;

    /// <summary>Writes all but what <see cref="Seal"/> does. The payload is the caller's to write.</summary>
    public static void Begin(Span<byte> frame, FrameKind kind, int payloadBytes, long number)
    {
        frame[(HeaderBytes + payloadBytes)..].Clear();
        BinaryPrimitives.WriteInt32LittleEndian(frame[LengthOffset..], payloadBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[KindOffset..], (uint)kind);
        BinaryPrimitives.WriteInt64LittleEndian(frame[NumberOffset..], number);
    }

    /// <summary>Chains a frame to the one before it.</summary>
    /// <param name="frame">The whole frame.</param>
    /// <param name="seed">The checksum of the file's header.</param>
    /// <param name="previous">The checksum of the frame before, or of the header.</param>
    /// <returns>The frame's checksum.</returns>
    public static uint Seal(Span<byte> frame, uint seed, uint previous)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(frame[PreviousOffset..], previous);
        uint checksum = ChecksumOf(frame, seed);
        BinaryPrimitives.WriteUInt32LittleEndian(frame, checksum);
        return checksum;
    }

    /// <summary>What the header at the beginning of <paramref name="bytes"/> says.</summary>
    public static FrameHeader ReadHeader(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        BinaryPrimitives.ReadInt32LittleEndian(bytes[LengthOffset..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[PreviousOffset..]),
        (FrameKind)BinaryPrimitives.ReadUInt32LittleEndian(bytes[KindOffset..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[NumberOffset..]));

    /// <summary>The number of a frame that is not sealed yet.</summary>
    public static void SetNumber(Span<byte> frame, long number) => BinaryPrimitives.WriteInt64LittleEndian(frame[NumberOffset..], number);

    /// <summary>What the checksum of a whole frame has to be.</summary>
    public static uint ChecksumOf(ReadOnlySpan<byte> frame, uint seed)
    {
        // First the odd half of a word, so that the rest goes word by word.
        return Checksum.Of(Checksum.Of(seed, frame[LengthOffset..PreviousOffset]), frame[PreviousOffset..]);
    }
}

/// <summary>The header of a frame.</summary>
internal readonly record struct FrameHeader(uint Checksum, int PayloadBytes, uint Previous, FrameKind Kind, long Number)
{
    /// <summary>Whether there is nothing: a segment is full of zeros behind what has been written.</summary>
    public bool IsZero => this == default;

    /// <summary>Whether it may be a frame's at all.</summary>
    public bool IsPlausible => PayloadBytes is >= 0 and <= Frame.PayloadBytesMax && Kind is >= FrameKind.Commit and <= FrameKind.VersionJump;

    /// <summary>How many bytes the frame takes; of one that is plausible.</summary>
    public int FrameBytes => Frame.BytesFor(PayloadBytes);
}
