using System.Buffers.Binary;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Files;

internal enum FileKind : uint
{
    Segment = 1,
    Snapshot = 2,
}

/// <summary>The header of every data file. Log records follow it.</summary>
/// <remarks><code>
///   0          8          12      16         24       32         60
///   +----------+----------+-------+----------+--------+----------+----------+
///   | magic    | format   | kind  | store    | number | reserved | checksum |
///   | KESTRLKV | uint32 1 | uint32| uint64   | int64  | zeros    | uint32   |
///   +----------+----------+-------+----------+--------+----------+----------+
/// </code>
/// <para>
/// Little-endian. <c>store</c> is a random number that all files of a data directory share. <c>number</c> is the number of a
/// segment, from 1, or the version at which a snapshot was begun. The checksum is a CRC-32C of the bytes before it. It seeds the
/// checksums of the file's records, so a record of one file is not valid in another.
/// </para>
/// </remarks>
internal readonly record struct FileHeader(FileKind Kind, ulong Store, long Number)
{
    public const int Bytes = 64;

    /// <summary>The format version that this program reads and writes.</summary>
    public const uint Format = 1;

    private const int FormatOffset = 8;
    private const int KindOffset = 12;
    private const int StoreOffset = 16;
    private const int NumberOffset = 24;
    private const int ChecksumOffset = 60;

    private static ReadOnlySpan<byte> Magic => "KESTRLKV"u8;

    /// <summary>Encodes the header, and returns its checksum.</summary>
    public uint Write(Span<byte> bytes)
    {
        bytes[..Bytes].Clear();
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[FormatOffset..], Format);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[KindOffset..], (uint)Kind);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[StoreOffset..], Store);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[NumberOffset..], Number);
        uint checksum = Checksum.Of(0, bytes[..ChecksumOffset]);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[ChecksumOffset..], checksum);
        return checksum;
    }

    /// <summary>Reads and checks the header of a file.</summary>
    /// <exception cref="DataException">The header is damaged, or not of this kind.</exception>
    public static (FileHeader Header, uint Checksum) Read(IDiskFile file, string name, FileKind kind)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        if (file.Read(bytes, 0) < Bytes) throw Damage.At(name, 0, $"the file has {file.Length} bytes, expected a header of {Bytes} bytes");
        if (!bytes.StartsWith(Magic)) throw Damage.At(name, 0, "the file is not a KestrelKv data file");

        if (!IsWhole(bytes)) throw Damage.At(name, 0, "the header checksum does not match");
        RefuseOtherFormats(bytes, name);

        var header = new FileHeader(
            (FileKind)BinaryPrimitives.ReadUInt32LittleEndian(bytes[KindOffset..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[StoreOffset..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[NumberOffset..]));
        if (header.Kind != kind) throw Damage.At(name, KindOffset, $"the file is a {header.Kind}, expected a {kind}");
        return (header, BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]));
    }

    /// <summary>
    /// Reads the checksum, which seeds the checksums of the file's records, and the store number from a header that may be damaged.
    /// </summary>
    /// <exception cref="DataException">The header is valid and has another format version.</exception>
    public static (uint Seed, ulong Store) ReadDamaged(ReadOnlySpan<byte> bytes, string name)
    {
        if (IsWhole(bytes)) RefuseOtherFormats(bytes, name);
        return (
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[StoreOffset..]));
    }

    private static bool IsWhole(ReadOnlySpan<byte> bytes) =>
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]) == Checksum.Of(0, bytes[..ChecksumOffset]);

    private static void RefuseOtherFormats(ReadOnlySpan<byte> bytes, string name)
    {
        uint format = BinaryPrimitives.ReadUInt32LittleEndian(bytes[FormatOffset..]);
        if (format != Format)
            throw Damage.At(name, FormatOffset, $"the file has format version {format}, this program supports version {Format}");
    }
}

/// <summary>Creates exceptions for damaged files.</summary>
internal static class Damage
{
    public static DataException At(string name, long offset, string reason) => new($"{name}, offset {offset}: {reason}");
}
