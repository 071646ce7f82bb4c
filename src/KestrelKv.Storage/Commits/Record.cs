using System.Buffers.Binary;

namespace KestrelKv.Storage.Commits;

internal enum RecordKind : byte
{
    Put = 1,

    /// <summary>The entry was removed by an operation.</summary>
    Delete = 2,

    /// <summary>The expiry of the entry was set or cleared.</summary>
    SetExpiry = 3,

    /// <summary>The entry was removed because it had expired.</summary>
    Expired = 4,

    /// <summary>The entry was evicted to free memory.</summary>
    Evicted = 5,
}

/// <summary>One change of one entry in a commit, or one entry in a snapshot.</summary>
/// <remarks><code>
///   0        1        2            4              8
///   +--------+--------+------------+--------------+- - - - - -+- - - - -+-----+-------+
///   | kind   | flags  | key length | value length | expires at| version | key | value |
///   | byte   | byte   | uint16, -1 | int32        | int64     | int64   |     |       |
///   +--------+--------+------------+--------------+- - - - - -+- - - - -+-----+-------+
///                                                  with flag 1  flag 2
/// </code></remarks>
internal readonly ref struct Record
{
    private const int HeaderBytes = 8;
    /// <summary>The maximum length of a change without its key and value.</summary>
    public const int BytesAround = HeaderBytes + 2 * sizeof(long);

    private const byte ExpiresFlag = 1;
    private const byte VersionFlag = 2;

    public RecordKind Kind { get; init; }

    public ReadOnlySpan<byte> Key { get; init; }

    /// <summary>The value of a <see cref="RecordKind.Put"/>.</summary>
    public ReadOnlySpan<byte> Value { get; init; }

    /// <summary>The expiry; <see cref="Operation.Never"/> for none.</summary>
    public long ExpiresAt { get; init; }

    /// <summary>The version of the entry in a snapshot; 0 in a commit, whose log record has the version.</summary>
    public long Version { get; init; }

    public int Bytes => checked(
        HeaderBytes + (ExpiresAt != Operation.Never ? sizeof(long) : 0) + (Version != 0 ? sizeof(long) : 0) + Key.Length + Value.Length);

    /// <summary>Returns the change that a write operation makes.</summary>
    public static Record Of(in Operation operation) => new()
    {
        Kind = operation.Kind switch
        {
            OperationKind.Put => RecordKind.Put,
            OperationKind.Expire => RecordKind.SetExpiry,
            _ => RecordKind.Delete,
        },
        Key = operation.Key.Span,
        Value = operation.Value.Span,
        ExpiresAt = operation.ExpiresAt,
    };

    /// <summary>Encodes the change, and returns the unused part of <paramref name="to"/>.</summary>
    public Span<byte> Write(Span<byte> to)
    {
        to[0] = (byte)Kind;
        to[1] = (byte)((ExpiresAt != Operation.Never ? ExpiresFlag : 0) | (Version != 0 ? VersionFlag : 0));
        BinaryPrimitives.WriteUInt16LittleEndian(to[2..], (ushort)(Key.Length - 1));
        BinaryPrimitives.WriteInt32LittleEndian(to[4..], Value.Length);
        to = to[HeaderBytes..];
        if (ExpiresAt != Operation.Never) to = WriteNumber(to, ExpiresAt);
        if (Version != 0) to = WriteNumber(to, Version);
        Key.CopyTo(to);
        Value.CopyTo(to[Key.Length..]);
        return to[(Key.Length + Value.Length)..];
    }

    public static int BytesOf(ReadOnlySpan<Change> changes)
    {
        int bytes = 0;
        foreach (ref readonly Change change in changes) bytes = checked(bytes + change.AsRecord().Bytes);
        return bytes;
    }

    public static void Write(ReadOnlySpan<Change> changes, Span<byte> to)
    {
        foreach (ref readonly Change change in changes) to = change.AsRecord().Write(to);
    }

    /// <summary>
    /// Decodes the first change and removes it from <paramref name="from"/>. Returns false if it is incomplete or invalid.
    /// </summary>
    public static bool TryRead(ref ReadOnlySpan<byte> from, out Record record)
    {
        record = default;
        if (from.Length < HeaderBytes) return false;
        var kind = (RecordKind)from[0];
        int flags = from[1];
        int keyBytes = BinaryPrimitives.ReadUInt16LittleEndian(from[2..]) + 1;
        int valueBytes = BinaryPrimitives.ReadInt32LittleEndian(from[4..]);
        int fieldBytes = ((flags & ExpiresFlag) != 0 ? sizeof(long) : 0) + ((flags & VersionFlag) != 0 ? sizeof(long) : 0);
        long bytes = (long)HeaderBytes + fieldBytes + keyBytes + valueBytes;
        if (kind is < RecordKind.Put or > RecordKind.Evicted || (flags & ~(ExpiresFlag | VersionFlag)) != 0) return false;
        if (valueBytes is < 0 or > Operation.ValueBytesMax || bytes > from.Length) return false;

        ReadOnlySpan<byte> rest = from[HeaderBytes..];
        long expiresAt = (flags & ExpiresFlag) != 0 ? ReadNumber(ref rest) : Operation.Never;
        long version = (flags & VersionFlag) != 0 ? ReadNumber(ref rest) : 0;
        record = new Record
        {
            Kind = kind, Key = rest[..keyBytes], Value = rest.Slice(keyBytes, valueBytes), ExpiresAt = expiresAt, Version = version,
        };
        from = from[(int)bytes..];
        return true;
    }

    /// <summary>
    /// Counts encoded changes. Returns false if one is invalid, or must be an entry of a snapshot, a put with a version, and is not.
    /// </summary>
    public static bool TryCount(ReadOnlySpan<byte> records, bool areEntries, out int count)
    {
        for (count = 0; !records.IsEmpty; count++)
        {
            if (!TryRead(ref records, out Record record)) return false;
            if (areEntries && record is not { Kind: RecordKind.Put, Version: > 0 }) return false;
        }
        return true;
    }

    private static Span<byte> WriteNumber(Span<byte> to, long number)
    {
        BinaryPrimitives.WriteInt64LittleEndian(to, number);
        return to[sizeof(long)..];
    }

    private static long ReadNumber(ref ReadOnlySpan<byte> from)
    {
        long number = BinaryPrimitives.ReadInt64LittleEndian(from);
        from = from[sizeof(long)..];
        return number;
    }
}
