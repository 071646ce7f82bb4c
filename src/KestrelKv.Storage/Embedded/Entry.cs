using System.Diagnostics;

namespace KestrelKv.Storage.Embedded;

/// <summary>The optional fields of an entry.</summary>
[Flags]
internal enum EntryFields : byte
{
    None = 0,

    /// <summary>The expiry, and the entry's index in the <see cref="ExpiryHeap"/>.</summary>
    Expiry = 1,

    /// <summary>The time of last use, for eviction.</summary>
    LastUse = 2,
}

/// <summary>A view of an entry in its block.</summary>
/// <remarks>
/// <para>
/// It owns nothing. The shard owns the block. It frees the block under its lock, together with the references to it in the index and
/// the expiry heap. All members require that lock, and are valid until the block is freed. Blocks are aligned to 8 bytes, and the
/// fields before the key to their sizes.
/// </para>
/// <code>
///   0          8              12            14       15       16
///   +----------+--------------+-------------+--------+--------+- - - - - - - - - - - - - - - -+- - - - - +-----+-------+
///   | version  | value length | key length  | key at | fields | expires at, index in the heap | last use | key | value |
///   | int64    | int32        | uint16, - 1 | byte   | byte   | int64, int32, 4 unused        | uint32   |     |       |
///   +----------+--------------+-------------+--------+--------+- - - - - - - - - - - - - - - -+- - - - - +-----+-------+
///                                                               only with Expiry                with LastUse
/// </code>
/// </remarks>
internal readonly unsafe struct Entry(byte* block)
{
    public const int KeyBytesMax = Operation.KeyBytesMax;

    private const int ValueLengthOffset = 8;
    private const int KeyLengthOffset = 12;
    private const int KeyAtOffset = 14;
    private const int FieldsOffset = 15;
    private const int HeaderBytes = 16;
    private const int ExpiresAtOffset = 16;
    private const int HeapPlaceOffset = 24;
    private const int ExpiryBytes = 16;
    private const int LastUseBytes = 4;

    public byte* Block => block;

    public bool Exists => block != null;

    public long Version
    {
        get => *(long*)block;
        set => *(long*)block = value;
    }

    public bool Expires => (Fields & EntryFields.Expiry) != 0;

    public long ExpiresAt
    {
        get => Expires ? *(long*)(block + ExpiresAtOffset) : Operation.Never;
        set
        {
            Debug.Assert(Expires, "the entry has no field for an expiry");
            *(long*)(block + ExpiresAtOffset) = value;
        }
    }

    /// <summary>The entry's index in the shard's <see cref="ExpiryHeap"/>. Requires the field <see cref="EntryFields.Expiry"/>.</summary>
    public int HeapIndex
    {
        get => *(int*)(block + HeapPlaceOffset);
        set => *(int*)(block + HeapPlaceOffset) = value;
    }

    /// <summary>
    /// The time of last use, in units of <see cref="StoreClock.UseTime"/>. Requires the field <see cref="EntryFields.LastUse"/>.
    /// </summary>
    public uint LastUse
    {
        get => *(uint*)(KeyStart - LastUseBytes);
        set
        {
            Debug.Assert((Fields & EntryFields.LastUse) != 0, "the entry has no field for the last use");
            // A write of the same value would dirty the cache line for nothing.
            if (LastUse != value) *(uint*)(KeyStart - LastUseBytes) = value;
        }
    }

    public ReadOnlySpan<byte> Key => new(KeyStart, KeyLength);

    public ReadOnlySpan<byte> Value => new(KeyStart + KeyLength, ValueLength);

    public ReadOnlySpan<byte> ValueIfAny => Exists ? Value : default;

    public long ExpiryIfAny => Exists ? ExpiresAt : Operation.Never;

    /// <summary>The size of the block when it was allocated, or another with the same <see cref="NativeHeap.AllocationBytes"/>.</summary>
    public int BlockBytes => block[KeyAtOffset] + KeyLength + ValueLength;

    private EntryFields Fields => (EntryFields)block[FieldsOffset];

    private int KeyLength => *(ushort*)(block + KeyLengthOffset) + 1;

    private int ValueLength => *(int*)(block + ValueLengthOffset);

    private byte* KeyStart => block + block[KeyAtOffset];

    public static int BlockBytesFor(int keyBytes, int valueBytes, EntryFields fields) => checked(KeyAt(fields) + keyBytes + valueBytes);

    /// <summary>Initializes a new block. The caller sets the optional fields.</summary>
    public static Entry Write(byte* block, EntryFields fields, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long version)
    {
        var entry = new Entry(block);
        *(ushort*)(block + KeyLengthOffset) = (ushort)(key.Length - 1);
        block[KeyAtOffset] = (byte)KeyAt(fields);
        block[FieldsOffset] = (byte)fields;
        key.CopyTo(new Span<byte>(entry.KeyStart, key.Length));
        entry.Overwrite(value, version);
        return entry;
    }

    /// <summary>Stores another value in the same block. The block must be large enough.</summary>
    public void Overwrite(ReadOnlySpan<byte> value, long version)
    {
        *(long*)block = version;
        *(int*)(block + ValueLengthOffset) = value.Length;
        value.CopyTo(new Span<byte>(KeyStart + KeyLength, value.Length));
    }

    public bool IsExpired(long now) => Expires && *(long*)(block + ExpiresAtOffset) <= now;

    private static int KeyAt(EntryFields fields) =>
        HeaderBytes +
        ((fields & EntryFields.Expiry) != 0 ? ExpiryBytes : 0) +
        ((fields & EntryFields.LastUse) != 0 ? LastUseBytes : 0);
}
