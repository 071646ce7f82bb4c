namespace KestrelKv.Storage;

/// <summary>What an operation does.</summary>
/// <remarks>
/// From <see cref="MergePatch"/> on they change parts of values. Idempotency records depend on these numbers, also on disk: never
/// renumber, append new values.
/// </remarks>
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

    /// <summary>Merges a JSON Merge Patch (RFC 7396) into the value; a key that is not there gets what it makes of nothing.</summary>
    MergePatch,

    /// <summary>Applies a JSON Patch (RFC 6902) to the value.</summary>
    JsonPatch,

    /// <summary>Adds a number to a number, which is created where it is not there, with all that leads to it.</summary>
    Increment,
}

/// <summary>One operation on one key.</summary>
public readonly struct Operation
{
    /// <summary>No expiry.</summary>
    public const long Never = 0;

    /// <summary>The latest expiry: the end of the year 9999.</summary>
    public const long ExpiresAtMax = 253_402_300_799_999;

    /// <summary>The longest key, in bytes.</summary>
    public const int KeyBytesMax = 65_536;

    /// <summary>The longest value, in bytes: 1 GiB.</summary>
    public const int ValueBytesMax = 1 << 30;

    /// <summary>What to do.</summary>
    public OperationKind Kind { get; private init; }

    /// <summary>On which key: bytes of UTF-8, 1 to <see cref="KeyBytesMax"/>.</summary>
    public ReadOnlyMemory<byte> Key { get; private init; }

    /// <summary>
    /// The text of the value, for <see cref="OperationKind.Put"/>, of the patch, or of the number to add: valid JSON without
    /// white space around it, at most <see cref="ValueBytesMax"/>. The store looks into values only for what works on parts of them.
    /// </summary>
    public ReadOnlyMemory<byte> Value { get; private init; }

    /// <summary>
    /// Which part of the value a <see cref="OperationKind.Get"/>, <see cref="OperationKind.Put"/> or
    /// <see cref="OperationKind.Increment"/> is about: a JSON Pointer (RFC 6901) in UTF-8 that
    /// <see cref="Json.JsonPointer.Check"/> finds nothing wrong with. Empty, the default, for the whole value.
    /// </summary>
    public ReadOnlyMemory<byte> Path { get; init; }

    /// <summary>
    /// When the entry expires, in milliseconds of Unix time, 1 to <see cref="ExpiresAtMax"/>; <see cref="Never"/> for
    /// not at all.
    /// </summary>
    public long ExpiresAt { get; private init; }

    /// <summary>
    /// Whether the entry keeps the expiry that it has, and <see cref="ExpiresAt"/> is not looked at: so by default with
    /// whatever changes a part of a value.
    /// </summary>
    public bool KeepsExpiry { get; private init; }

    /// <summary>Whether the result of a write has the value that was there before. Default false.</summary>
    public bool ReturnsOld { get; init; }

    /// <summary>What must hold for the operation to be done. <see cref="Precondition.None"/> by default.</summary>
    public Precondition Precondition { get; init; }

    /// <summary>
    /// Whether its result may be shown before what it tells is on disk, as far as this operation is concerned. Only of
    /// consequence where the store would wait for the disk. Default false.
    /// </summary>
    public bool AcknowledgeFromMemory { get; init; }

    /// <summary>Whether this changes the store.</summary>
    public bool IsWrite => Kind != OperationKind.Get;

    /// <summary>
    /// Whether the value or expiry that it puts depends on the entry: then <see cref="Edits.Resolve"/> turns it into a put of a whole
    /// value first.
    /// </summary>
    internal bool IsEdit => KeepsExpiry || Kind >= OperationKind.MergePatch || (Kind == OperationKind.Put && !Path.IsEmpty);

    /// <summary>
    /// Whether it changes the store, where its precondition holds and there is an entry of its key, or none; of an edit, unless
    /// it turns out that it can't be done.
    /// </summary>
    internal bool Changes(bool exists) => Kind is OperationKind.Put or >= OperationKind.MergePatch || (IsWrite && exists);

    /// <summary>Reads an entry.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The key's length is out of its range.</exception>
    public static Operation Get(ReadOnlyMemory<byte> key) => new() { Kind = OperationKind.Get, Key = Checked(key) };

    /// <summary>Sets an entry's value and expiry.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiresAt"/>, or the length of the key or of the value, is out of its range.</exception>
    public static Operation Put(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, long expiresAt = Never)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, ValueBytesMax, nameof(value));
        return new() { Kind = OperationKind.Put, Key = Checked(key), Value = value, ExpiresAt = Checked(expiresAt) };
    }

    /// <summary>Removes an entry.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The key's length is out of its range.</exception>
    public static Operation Delete(ReadOnlyMemory<byte> key) => new() { Kind = OperationKind.Delete, Key = Checked(key) };

    /// <summary>Sets an entry's expiry.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiresAt"/>, or the key's length, is out of its range.</exception>
    public static Operation Expire(ReadOnlyMemory<byte> key, long expiresAt) =>
        new() { Kind = OperationKind.Expire, Key = Checked(key), ExpiresAt = Checked(expiresAt) };

    /// <summary>
    /// Sets a part of an entry's value. What leads to the part must be there; a member of an object is added where it is not.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The length of the key or of the value is out of its range.</exception>
    public static Operation PutAt(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> path, ReadOnlyMemory<byte> value) =>
        Put(key, value) with { Path = path, KeepsExpiry = true };

    /// <summary>Applies a JSON Merge Patch to an entry's value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length of the key or of the patch is out of its range.</exception>
    public static Operation MergePatch(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> patch) =>
        Put(key, patch) with { Kind = OperationKind.MergePatch, KeepsExpiry = true };

    /// <summary>Applies a JSON Patch to an entry's value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="patch">The patch, which <see cref="Json.JsonPatch.Check"/> finds nothing wrong with.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length of the key or of the patch is out of its range.</exception>
    public static Operation JsonPatch(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> patch) =>
        Put(key, patch) with { Kind = OperationKind.JsonPatch, KeepsExpiry = true };

    /// <summary>Adds a number to an entry's value, or to the part of it that <see cref="Path"/> names.</summary>
    /// <param name="key">The key.</param>
    /// <param name="number">The text of a JSON number.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length of the key or of the number is out of its range.</exception>
    public static Operation Increment(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> number) =>
        Put(key, number) with { Kind = OperationKind.Increment, KeepsExpiry = true };

    /// <summary>The same write, with which the entry gets an expiry, whatever it had.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiresAt"/> is out of its range.</exception>
    public Operation WithExpiry(long expiresAt) => this with { ExpiresAt = Checked(expiresAt), KeepsExpiry = false };

    private static ReadOnlyMemory<byte> Checked(ReadOnlyMemory<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfZero(key.Length, nameof(key));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, KeyBytesMax, nameof(key));
        return key;
    }

    private static long Checked(long expiresAt)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(expiresAt);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(expiresAt, ExpiresAtMax);
        return expiresAt;
    }
}
