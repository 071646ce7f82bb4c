using System.Diagnostics;

namespace KestrelKv.Storage.Embedded;

/// <summary>What an entry has beside its key and value.</summary>
[Flags]
internal enum EntryFields : byte
{
    None = 0,

    /// <summary>When it expires, and its place in the <see cref="ExpiryHeap"/>.</summary>
    Expiry = 1,

    /// <summary>When it was last used, for eviction.</summary>
    LastUse = 2,
}

/// <summary>An entry in its block: what its bytes mean. Valid under the shard's lock, until the block is freed.</summary>
/// <remarks><code>
///   0          8              12            14       15       16
///   +----------+--------------+-------------+--------+--------+- - - - - - - - - - - - - - - -+- - - - - +-----+-------+
///   | version  | value length | key length  | key at | fields | expires at, place in the heap | last use | key | value |
///   | int64    | int32        | uint16, - 1 | byte   | byte   | int64, int32, 4 unused        | uint32   |     |       |
///   +----------+--------------+-------------+--------+--------+- - - - - - - - - - - - - - - -+- - - - - +-----+-------+
///                                                               only with Expiry                with LastUse
/// </code></remarks>
internal readonly unsafe struct Entry(byte* block)
{
    /// <summary>The longest key that the length field can tell.</summary>
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

    /// <summary><see cref="Operation.Never"/> where it does not expire.</summary>
    public long ExpiresAt
    {
        get => Expires ? *(long*)(block + ExpiresAtOffset) : Operation.Never;
        set
        {
            Debug.Assert(Expires, "no room for an expiry");
            *(long*)(block + ExpiresAtOffset) = value;
        }
    }

    /// <summary>Where in the shard's <see cref="ExpiryHeap"/> the entry is.</summary>
    public int HeapPlace
    {
        get => *(int*)(block + HeapPlaceOffset);
        set => *(int*)(block + HeapPlaceOffset) = value;
    }

    /// <summary>In the units of <see cref="StoreClock.UseTime"/>; only of an entry that has the field.</summary>
    public uint LastUse
    {
        get => *(uint*)(KeyStart - LastUseBytes);
        set
        {
            Debug.Assert((Fields & EntryFields.LastUse) != 0, "no room for the last use");
            // To write would cost a line of memory its way back, to write what is there for nothing.
            if (LastUse != value) *(uint*)(KeyStart - LastUseBytes) = value;
        }
    }

    public ReadOnlySpan<byte> Key => new(KeyStart, KeyLength);

    public ReadOnlySpan<byte> Value => new(KeyStart + KeyLength, ValueLength);

    /// <summary>Its value; empty where there is no entry.</summary>
    public ReadOnlySpan<byte> ValueIfAny => Exists ? Value : default;

    /// <summary>Its expiry; <see cref="Operation.Never"/> where there is no entry.</summary>
    public long ExpiryIfAny => Exists ? ExpiresAt : Operation.Never;

    /// <summary>The size that its block was asked for with.</summary>
    public int BlockBytes => block[KeyAtOffset] + KeyLength + ValueLength;

    private EntryFields Fields => (EntryFields)block[FieldsOffset];

    private int KeyLength => *(ushort*)(block + KeyLengthOffset) + 1;

    private int ValueLength => *(int*)(block + ValueLengthOffset);

    private byte* KeyStart => block + block[KeyAtOffset];

    public static int BlockBytesFor(int keyBytes, int valueBytes, EntryFields fields) => checked(KeyAt(fields) + keyBytes + valueBytes);

    /// <summary>Fills a new block. Its fields' values are for the caller to set.</summary>
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

    /// <summary>Another value in the same block, which the caller knows to be large enough.</summary>
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
