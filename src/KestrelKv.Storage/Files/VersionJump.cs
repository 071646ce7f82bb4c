using System.Buffers.Binary;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Files;

/// <summary>A gap in the versions of the log: the next commit has the version after the jump's.</summary>
/// <param name="Version">
/// The version of the jump, above all versions that may have been visible. It is the number of the log record.
/// </param>
/// <param name="After">
/// The version of the last commit before the jump. A feed position up to this version continues after the jump. Equal to
/// <paramref name="Version"/> if no earlier position may continue, as after a restore.
/// </param>
internal readonly record struct VersionJump(long Version, long After)
{
    public const int PayloadBytes = sizeof(long);

    public static readonly int LogRecordBytes = LogRecord.BytesFor(PayloadBytes);

    /// <summary>Returns a jump that no earlier position continues across.</summary>
    public static VersionJump WithoutHistory(long version) => new(version, version);

    public static VersionJump Read(LogRecordHeader logRecord, ReadOnlySpan<byte> payload) =>
        new(logRecord.Number, payload.Length == PayloadBytes ? BinaryPrimitives.ReadInt64LittleEndian(payload) : long.MaxValue);

    /// <summary>Whether the jump is valid after the version <paramref name="last"/>.</summary>
    public bool CanFollow(long last) => Version > last && (After == last || After == Version);

    /// <summary>Whether a position before the jump cannot continue after it, because it may belong to lost commits.</summary>
    public bool Skips(long position) => position < Version && (position > After || After == Version);

    /// <summary>Writes the sealed log record to a file, and returns its checksum.</summary>
    public uint Write(IDiskFile file, long offset, uint seed, uint previous)
    {
        Span<byte> logRecord = stackalloc byte[LogRecordBytes];
        LogRecord.Begin(logRecord, LogRecordKind.VersionJump, PayloadBytes, Version);
        BinaryPrimitives.WriteInt64LittleEndian(logRecord[LogRecord.HeaderBytes..], After);
        uint checksum = LogRecord.Seal(logRecord, seed, previous);
        file.Write(logRecord, offset);
        return checksum;
    }
}
