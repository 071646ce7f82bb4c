namespace KestrelKv.Storage;

/// <summary>The kind of an operation.</summary>
/// <remarks>
/// <see cref="MergePatch"/> and the kinds after it change parts of values. Idempotency records store checksums of these numbers on
/// disk: never renumber them, append new values.
/// </remarks>
public enum OperationKind
{
    /// <summary>Reads the entry.</summary>
    Get,

    /// <summary>Sets value and expiry. Creates the entry if it does not exist.</summary>
    Put,

    /// <summary>Removes the entry if it exists.</summary>
    Delete,

    /// <summary>Sets or clears the expiry of an entry if it exists, and keeps its value.</summary>
    Expire,

    /// <summary>Applies a JSON Merge Patch (RFC 7396) to the value. For a missing key, it applies the patch to an absent value.</summary>
    MergePatch,

    /// <summary>Applies a JSON Patch (RFC 6902) to the value.</summary>
    JsonPatch,

    /// <summary>Adds a number to a number. Creates a missing number, with the objects that lead to it.</summary>
    Increment,
}

/// <summary>One operation on one key.</summary>
public readonly struct Operation
{
    /// <summary>No expiry.</summary>
    public const long Never = 0;

    /// <summary>The latest possible expiry: the end of the year 9999.</summary>
    public const long ExpiresAtMax = 253_402_300_799_999;

    /// <summary>The maximum length of a key, in bytes.</summary>
    public const int KeyBytesMax = 65_536;

    /// <summary>The maximum length of a value: 1 GiB.</summary>
    public const int ValueBytesMax = 1 << 30;

    /// <summary>The kind of the operation.</summary>
    public OperationKind Kind { get; private init; }

    /// <summary>The key: UTF-8, 1 to <see cref="KeyBytesMax"/> bytes.</summary>
    public ReadOnlyMemory<byte> Key { get; private init; }

    /// <summary>
    /// The value of a <see cref="OperationKind.Put"/>, the patch, or the number to add: valid JSON without surrounding white space, at
    /// most <see cref="ValueBytesMax"/> bytes. The store parses a value only for operations on a part of it.
    /// </summary>
    public ReadOnlyMemory<byte> Value { get; private init; }

    /// <summary>
    /// The part of the value that a <see cref="OperationKind.Get"/>, <see cref="OperationKind.Put"/> or
    /// <see cref="OperationKind.Increment"/> applies to: a JSON Pointer (RFC 6901) in UTF-8 that passes
    /// <see cref="Json.JsonPointer.Check"/>. Empty, the default, for the whole value.
    /// </summary>
    public ReadOnlyMemory<byte> Path { get; init; }

    /// <summary>
    /// The expiry of the entry in milliseconds of Unix time, 1 to <see cref="ExpiresAtMax"/>, or <see cref="Never"/>. For a
    /// <see cref="OperationKind.Get"/>, the time to which the read extends the expiry, or <see cref="Never"/> for a plain read.
    /// </summary>
    public long ExpiresAt { get; private init; }

    /// <summary>
    /// Whether the entry keeps its current expiry and <see cref="ExpiresAt"/> is ignored. The default for operations that change a part
    /// of a value.
    /// </summary>
    public bool KeepsExpiry { get; private init; }

    /// <summary>Whether the result of a write includes the previous value. Default false.</summary>
    public bool ReturnsOld { get; init; }

    /// <summary>The condition for executing the operation. Default <see cref="Precondition.None"/>.</summary>
    public Precondition Precondition { get; init; }

    /// <summary>
    /// Whether the result may be shown before the versions that it depends on are durable. Other operations of the same call may still
    /// require the wait. It has an effect only if the store waits for the disk. Default false.
    /// </summary>
    public bool AcknowledgeFromMemory { get; init; }

    /// <summary>
    /// The id of the request, of a write in <see cref="IKeyValueStore.ExecuteAsync"/>. The write is then executed as an atomic batch of one
    /// operation with this id. Default none.
    /// </summary>
    public RequestId RequestId { get; init; }

    /// <summary>Whether the operation is a write.</summary>
    public bool IsWrite => Kind != OperationKind.Get;

    /// <summary>Whether the operation has an idempotency record.</summary>
    internal bool IsIdempotent => !RequestId.IsEmpty && IsWrite;

    /// <summary>
    /// Whether the resulting value or expiry depends on the entry. <see cref="Edits.Resolve"/> then converts the operation to a put of a
    /// whole value first.
    /// </summary>
    internal bool IsEdit => KeepsExpiry || Kind >= OperationKind.MergePatch || (Kind == OperationKind.Put && !Path.IsEmpty);

    /// <summary>
    /// Whether the operation changes the store if its precondition holds. An edit that is refused changes nothing.
    /// </summary>
    internal bool Changes(bool exists) => Kind is OperationKind.Put or >= OperationKind.MergePatch || (IsWrite && exists);

    /// <summary>Reads an entry.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The key's length is out of range.</exception>
    public static Operation Get(ReadOnlyMemory<byte> key) => new() { Kind = OperationKind.Get, Key = Checked(key) };

    /// <summary>
    /// Reads an entry, and extends its expiry to a time if it expires earlier. An entry without an expiry gets none. This is no commit: the
    /// entry keeps its version. See <see cref="IKeyValueStore"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiresAt"/>, or the key's length, is out of range.</exception>
    public static Operation Touch(ReadOnlyMemory<byte> key, long expiresAt) =>
        new() { Kind = OperationKind.Get, Key = Checked(key), ExpiresAt = Checked(expiresAt) };

    /// <summary>Sets an entry's value and expiry.</summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="expiresAt"/>, or the length of the key or of the value, is out of range.
    /// </exception>
    public static Operation Put(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, long expiresAt = Never)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, ValueBytesMax, nameof(value));
        return new() { Kind = OperationKind.Put, Key = Checked(key), Value = value, ExpiresAt = Checked(expiresAt) };
    }

    /// <summary>Removes an entry.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The key's length is out of range.</exception>
    public static Operation Delete(ReadOnlyMemory<byte> key) => new() { Kind = OperationKind.Delete, Key = Checked(key) };

    /// <summary>Sets an entry's expiry.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiresAt"/>, or the key's length, is out of range.</exception>
    public static Operation Expire(ReadOnlyMemory<byte> key, long expiresAt) =>
        new() { Kind = OperationKind.Expire, Key = Checked(key), ExpiresAt = Checked(expiresAt) };

    /// <summary>
    /// Sets a part of an entry's value. The parent of the part must exist. A missing member of an object is added.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The length of the key or of the value is out of range.</exception>
    public static Operation PutAt(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> path, ReadOnlyMemory<byte> value) =>
        Put(key, value) with { Path = path, KeepsExpiry = true };

    /// <summary>Applies a JSON Merge Patch to an entry's value.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length of the key or of the patch is out of range.</exception>
    public static Operation MergePatch(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> patch) =>
        Put(key, patch) with { Kind = OperationKind.MergePatch, KeepsExpiry = true };

    /// <summary>Applies a JSON Patch to an entry's value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="patch">The patch. It must pass <see cref="Json.JsonPatch.Check"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length of the key or of the patch is out of range.</exception>
    public static Operation JsonPatch(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> patch) =>
        Put(key, patch) with { Kind = OperationKind.JsonPatch, KeepsExpiry = true };

    /// <summary>Adds a number to an entry's value, or to the part at <see cref="Path"/>.</summary>
    /// <param name="key">The key.</param>
    /// <param name="number">The text of a JSON number.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length of the key or of the number is out of range.</exception>
    public static Operation Increment(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> number) =>
        Put(key, number) with { Kind = OperationKind.Increment, KeepsExpiry = true };

    /// <summary>Returns the same write with an expiry that replaces the one of the entry.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiresAt"/> is out of range.</exception>
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
