using System.Diagnostics;

namespace KestrelKv.Storage.Embedded;

/// <summary>An entry in its block: what its bytes mean. Valid under the shard's lock, until the block is freed.</summary>
/// <remarks><code>
///   0          8              12            14      16
///   +----------+--------------+-------------+-------+- - - - - - - - - - - - - - - -+-------+---------+
///   | version  | value length | key length  | flags | expires at, place in the heap | key   | value   |
///   | int64    | int32        | uint16, - 1 | u16   | int64, int32, 4 unused        |       |         |
///   +----------+--------------+-------------+-------+- - - - - - - - - - - - - - - -+-------+---------+
///                                                     only with the flag Expires
/// </code></remarks>
internal readonly unsafe struct Entry(byte* block)
{
    /// <summary>The longest key that the length field can tell.</summary>
    public const int KeyBytesMax = ushort.MaxValue + 1;

    private const int ValueLengthOffset = 8;
    private const int KeyLengthOffset = 12;
    private const int FlagsOffset = 14;
    private const int HeaderBytes = 16;
    private const int ExpiresAtOffset = 16;
    private const int HeapPlaceOffset = 24;
    private const int ExpiryBytes = 16;
    private const ushort ExpiresFlag = 1;

    public byte* Block => block;

    public bool Exists => block != null;

    public long Version
    {
        get => *(long*)block;
        set => *(long*)block = value;
    }

    public bool Expires => (*(ushort*)(block + FlagsOffset) & ExpiresFlag) != 0;

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

    public ReadOnlySpan<byte> Key => new(KeyStart, KeyLength);

    public ReadOnlySpan<byte> Value => new(KeyStart + KeyLength, ValueLength);

    /// <summary>The size that its block was asked for with.</summary>
    public int BlockBytes => BlockBytesFor(KeyLength, ValueLength, Expires);

    private int KeyLength => *(ushort*)(block + KeyLengthOffset) + 1;

    private int ValueLength => *(int*)(block + ValueLengthOffset);

    private byte* KeyStart => block + HeaderBytes + (Expires ? ExpiryBytes : 0);

    public static int BlockBytesFor(int keyBytes, int valueBytes, bool expires) =>
        checked(HeaderBytes + (expires ? ExpiryBytes : 0) + keyBytes + valueBytes);

    /// <summary>Fills a new block. Where the entry expires, its place in the heap is for the caller to set.</summary>
    public static Entry Write(byte* block, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long version, long expiresAt)
    {
        var entry = new Entry(block);
        *(ushort*)(block + KeyLengthOffset) = (ushort)(key.Length - 1);
        *(ushort*)(block + FlagsOffset) = expiresAt == Operation.Never ? (ushort)0 : ExpiresFlag;
        if (expiresAt != Operation.Never) *(long*)(block + ExpiresAtOffset) = expiresAt;
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
}
