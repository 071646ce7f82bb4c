using System.Buffers.Binary;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Files;

/// <summary>What a file of data is.</summary>
internal enum FileKind : uint
{
    Segment = 1,
    Snapshot = 2,
}

/// <summary>The first bytes of every data file; frames follow.</summary>
/// <remarks><code>
///   0          8          12      16         24       32         60
///   +----------+----------+-------+----------+--------+----------+----------+
///   | magic    | format   | kind  | store    | number | reserved | checksum |
///   | KESTRLKV | uint32 1 | uint32| uint64   | int64  | zeros    | uint32   |
///   +----------+----------+-------+----------+--------+----------+----------+
/// </code>
/// <para>
/// Little-endian. <c>store</c> is a random number that all files of one data directory share; <c>number</c> is that of
/// the segment, from 1 on, or for a snapshot the version at which it was begun. The checksum, a CRC-32C of the bytes
/// before it, is also what those of the file's frames begin with: so a frame of one file is not valid in another.
/// </para>
/// </remarks>
internal readonly record struct FileHeader(FileKind Kind, ulong Store, long Number)
{
    /// <summary>Its length.</summary>
    public const int Bytes = 64;

    /// <summary>The version of the format that this program reads and writes.</summary>
    public const uint Format = 1;

    private const int FormatOffset = 8;
    private const int KindOffset = 12;
    private const int StoreOffset = 16;
    private const int NumberOffset = 24;
    private const int ChecksumOffset = 60;

    private static ReadOnlySpan<byte> Magic => "KESTRLKV"u8;

    /// <summary>Writes it.</summary>
    /// <returns>Its checksum.</returns>
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

    /// <summary>Reads the header of a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">Its name, for the message.</param>
    /// <param name="kind">What it should be.</param>
    /// <exception cref="DataException">It is not the header of such a file.</exception>
    public static (FileHeader Header, uint Checksum) Read(IDiskFile file, string name, FileKind kind)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        if (file.Read(bytes, 0) < Bytes) throw Damage.At(name, 0, $"the file has {file.Length} bytes, less than its header");
        if (!bytes.StartsWith(Magic)) throw Damage.At(name, 0, "it does not begin as a file of KestrelKv's does");

        if (!IsWhole(bytes)) throw Damage.At(name, 0, "the checksum of its header does not match");
        RefuseOtherFormats(bytes, name);

        var header = new FileHeader(
            (FileKind)BinaryPrimitives.ReadUInt32LittleEndian(bytes[KindOffset..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[StoreOffset..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[NumberOffset..]));
        if (header.Kind != kind) throw Damage.At(name, KindOffset, $"it is a {header.Kind}, expected a {kind}");
        return (header, BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]));
    }

    /// <summary>What can be read of a header that may be damaged: the checksum of its file's frames begin with, and the store's number.</summary>
    /// <exception cref="DataException">It is not damaged, but of another version of the format.</exception>
    public static (uint Seed, ulong Store) ReadDamaged(ReadOnlySpan<byte> bytes, string name)
    {
        if (IsWhole(bytes)) RefuseOtherFormats(bytes, name);
        return (BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]), BinaryPrimitives.ReadUInt64LittleEndian(bytes[StoreOffset..]));
    }

    private static bool IsWhole(ReadOnlySpan<byte> bytes) =>
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]) == Checksum.Of(0, bytes[..ChecksumOffset]);

    private static void RefuseOtherFormats(ReadOnlySpan<byte> bytes, string name)
    {
        uint format = BinaryPrimitives.ReadUInt32LittleEndian(bytes[FormatOffset..]);
        if (format != Format) throw Damage.At(name, FormatOffset, $"its format is of version {format}; this program knows version {Format}");
    }
}

/// <summary>Messages on damaged files.</summary>
internal static class Damage
{
    public static DataException At(string name, long offset, string reason) => new($"{name}, offset {offset}: {reason}");
}
