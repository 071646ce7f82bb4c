using System.Buffers.Binary;

namespace KestrelKv.Storage.Commits;

internal enum LogRecordKind : uint
{
    /// <summary>One commit. The number is its version, the payload its changes.</summary>
    Commit = 1,

    /// <summary>
    /// The first record of each write to a segment. The number is the offset up to which the segment was synced before that write.
    /// Recovery uses marks to distinguish damage to synced data from a tail that was never synced.
    /// </summary>
    Mark = 2,

    /// <summary>The end of a segment. The number is that of the next segment.</summary>
    SegmentEnd = 3,

    /// <summary>Entries of a snapshot. The number is the length of the payload.</summary>
    Entries = 4,

    /// <summary>Entries of a snapshot, compressed with Brotli (RFC 7932). The number is the uncompressed length.</summary>
    CompressedEntries = 5,

    /// <summary>The end of a snapshot. The number is its version, the payload a <see cref="SnapshotEnd"/>.</summary>
    SnapshotEnd = 6,

    /// <summary>The beginning of the versions that a server start assigns. The number and the payload are a <c>VersionJump</c>.</summary>
    VersionJump = 7,
}

/// <summary>A log record, the unit of segments and snapshots: a header, a payload, and zeros up to a multiple of 8 bytes.</summary>
/// <remarks><code>
///   0          4          8          12      16       24
///   +----------+----------+----------+-------+--------+---------------------+- - - -+
///   | checksum | length   | previous | kind  | number | payload             | zeros |
///   | uint32   | int32    | uint32   | uint32| int64  | `length` bytes      |       |
///   +----------+----------+----------+-------+--------+---------------------+- - - -+
/// </code>
/// The checksum is a CRC-32C of all bytes after it, zeros included, seeded with the checksum of the file header. <c>previous</c> is
/// the checksum of the preceding record, or of the file header for the first one. The checksum validates each record by itself. The
/// chain detects a valid record that follows a different record than it did when it was written.
/// </remarks>
internal static class LogRecord
{
    public const int HeaderBytes = 24;

    /// <summary>The maximum length of a payload: 1 MiB more than the largest value, for the key and the headers.</summary>
    public const int PayloadBytesMax = Operation.ValueBytesMax + 1024 * 1024;

    private const int Alignment = 8;
    private const int LengthOffset = 4;
    private const int PreviousOffset = 8;
    private const int KindOffset = 12;
    private const int NumberOffset = 16;

    public static int BytesFor(int payloadBytes) => checked(HeaderBytes + payloadBytes + Alignment - 1) & -Alignment;

    /// <summary>
    /// Writes the header, except for the fields that <see cref="Seal"/> sets, and the padding. The caller writes the payload.
    /// </summary>
    public static void Begin(Span<byte> logRecord, LogRecordKind kind, int payloadBytes, long number)
    {
        logRecord[(HeaderBytes + payloadBytes)..].Clear();
        BinaryPrimitives.WriteInt32LittleEndian(logRecord[LengthOffset..], payloadBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(logRecord[KindOffset..], (uint)kind);
        BinaryPrimitives.WriteInt64LittleEndian(logRecord[NumberOffset..], number);
    }

    /// <summary>
    /// Chains a log record to the preceding one, and returns its checksum. <paramref name="seed"/> is the checksum of the file header.
    /// </summary>
    public static uint Seal(Span<byte> logRecord, uint seed, uint previous)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(logRecord[PreviousOffset..], previous);
        uint checksum = ChecksumOf(logRecord, seed);
        BinaryPrimitives.WriteUInt32LittleEndian(logRecord, checksum);
        return checksum;
    }

    public static LogRecordHeader ReadHeader(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        BinaryPrimitives.ReadInt32LittleEndian(bytes[LengthOffset..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[PreviousOffset..]),
        (LogRecordKind)BinaryPrimitives.ReadUInt32LittleEndian(bytes[KindOffset..]),
        BinaryPrimitives.ReadInt64LittleEndian(bytes[NumberOffset..]));

    /// <summary>Sets the number of a log record that is not sealed yet.</summary>
    public static void SetNumber(Span<byte> logRecord, long number) =>
        BinaryPrimitives.WriteInt64LittleEndian(logRecord[NumberOffset..], number);

    public static uint ChecksumOf(ReadOnlySpan<byte> logRecord, uint seed)
    {
        // The first 4 bytes, half a word, are added separately so that the remaining bytes are processed in words.
        return Checksum.Of(Checksum.Of(seed, logRecord[LengthOffset..PreviousOffset]), logRecord[PreviousOffset..]);
    }
}

internal readonly record struct LogRecordHeader(uint Checksum, int PayloadBytes, uint Previous, LogRecordKind Kind, long Number)
{
    /// <summary>Whether all fields are zero, as in the unused space of a segment.</summary>
    public bool IsZero => this == default;

    /// <summary>Whether length and kind are in their valid ranges.</summary>
    public bool IsPlausible =>
        PayloadBytes is >= 0 and <= LogRecord.PayloadBytesMax && Kind is >= LogRecordKind.Commit and <= LogRecordKind.VersionJump;

    /// <summary>The length of the log record, in bytes. The header must be plausible.</summary>
    public int LogRecordBytes => LogRecord.BytesFor(PayloadBytes);
}
