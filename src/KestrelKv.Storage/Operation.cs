namespace KestrelKv.Storage;

/// <summary>What an operation does.</summary>
public enum OperationKind
{
    /// <summary>Reads the entry.</summary>
    Get,

    /// <summary>Sets value and expiry, whether the key is there or not.</summary>
    Put,

    /// <summary>Removes the entry, if there is one.</summary>
    Delete,

    /// <summary>Sets or takes away the expiry of an entry, if there is one, and leaves its value.</summary>
    Expire,
}

/// <summary>One operation on one key.</summary>
public readonly struct Operation
{
    /// <summary>No expiry.</summary>
    public const long Never = 0;

    /// <summary>What to do.</summary>
    public OperationKind Kind { get; private init; }

    /// <summary>On which key: bytes of UTF-8, at least one.</summary>
    public ReadOnlyMemory<byte> Key { get; private init; }

    /// <summary>The value's text, for <see cref="OperationKind.Put"/>. The store does not look into it.</summary>
    public ReadOnlyMemory<byte> Value { get; private init; }

    /// <summary>When the entry expires, in milliseconds of Unix time; <see cref="Never"/> for not at all.</summary>
    public long ExpiresAt { get; private init; }

    /// <summary>What must hold for the operation to be done. <see cref="Precondition.None"/> by default.</summary>
    public Precondition Precondition { get; init; }

    /// <summary>Whether this changes the store.</summary>
    public bool IsWrite => Kind != OperationKind.Get;

    /// <summary>Reads an entry.</summary>
    public static Operation Get(ReadOnlyMemory<byte> key) => new() { Kind = OperationKind.Get, Key = key };

    /// <summary>Sets an entry's value and expiry.</summary>
    public static Operation Put(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, long expiresAt = Never) =>
        new() { Kind = OperationKind.Put, Key = key, Value = value, ExpiresAt = expiresAt };

    /// <summary>Removes an entry.</summary>
    public static Operation Delete(ReadOnlyMemory<byte> key) => new() { Kind = OperationKind.Delete, Key = key };

    /// <summary>Sets an entry's expiry.</summary>
    public static Operation Expire(ReadOnlyMemory<byte> key, long expiresAt) =>
        new() { Kind = OperationKind.Expire, Key = key, ExpiresAt = expiresAt };
}

/// <summary>What must hold of a key's entry for an operation to be done.</summary>
public readonly record struct Precondition
{
    private const long Anything = -1;
    private const long Something = -2;

    // Shifted by one so that the default of the type is "none".
    private readonly long _shifted;

    private Precondition(long rule) => _shifted = rule - Anything;

    /// <summary>Nothing.</summary>
    public static Precondition None => default;

    /// <summary>There is no entry.</summary>
    public static Precondition Absent => new(0);

    /// <summary>There is an entry.</summary>
    public static Precondition Present => new(Something);

    /// <summary>The entry has this version; 0 means that there is none.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="version"/> is negative.</exception>
    public static Precondition Version(long version)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(version);
        return new(version);
    }

    /// <summary>Whether it holds for an entry of this version, 0 for none.</summary>
    public bool Holds(long version) => (_shifted + Anything) switch
    {
        Anything => true,
        Something => version != 0,
        long expected => version == expected,
    };
}
