using KestrelKv.Json;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>How an atomic batch changes a key.</summary>
internal enum KeyChange : byte
{
    None,
    Put,
    Expiry,
    Delete,
}

/// <summary>A key of an atomic batch: its entry in the store, and its planned state.</summary>
internal struct PlannedKey
{
    private byte[]? _copy;

    public ReadOnlyMemory<byte> Name;
    public ulong Hash;

    /// <summary>The number of the next key in the same bucket, counted from 1; 0 for none.</summary>
    public int NextInBucket;

    public bool IsWritten;

    public bool NeedsCopy;

    /// <summary>Whether <see cref="ExpiresAt"/> is <see cref="StoredExpiresAt"/>, or an extension of it.</summary>
    public bool KeepsExpiry;

    /// <summary>The time to which reads of the batch extend the expiry; <see cref="Operation.Never"/> for none.</summary>
    public long TouchedUntil;

    /// <summary>The entry in the store, even if it has expired.</summary>
    public Entry Stored;

    public int Slot;

    /// <summary>The version of the entry in the store; 0 if it does not exist or has expired.</summary>
    public long StoredVersion;

    public int StoredValueBytes;

    /// <summary>The memory of <see cref="Stored"/> in bytes.</summary>
    public long StoredBytes;

    /// <summary>The expiry of the entry in the store, without extensions by the batch.</summary>
    public long StoredExpiresAt;

    /// <summary>The prepared block of the entry, if the change needs one.</summary>
    public Entry Prepared;

    public KeyChange Change;

    public long ChangedExpiresAt;

    /// <summary>The index of the last operation that changes the key; -1 if there is none.</summary>
    public int LastWrite;

    /// <summary>The index of the last operation that puts a value; -1 if there is none.</summary>
    public int ValueOf;

    /// <summary>
    /// The version after the operations so far; 0 if the entry does not exist. <see cref="ExpiresAt"/> and <see cref="ValueBytes"/> also
    /// include these operations.
    /// </summary>
    public long Version;

    public long ExpiresAt;

    public int ValueBytes;

    /// <summary>The value in the store, or its copy. Requires that the entry exists.</summary>
    public readonly ReadOnlySpan<byte> StoredValue => StoredText(0, StoredValueBytes);

    /// <summary>A part of that value. A copy is independent of later changes to the entry.</summary>
    public readonly ReadOnlySpan<byte> StoredText(int start, int length) =>
        _copy is null ? Stored.Value.Slice(start, length) : _copy.AsSpan(start, length);

    /// <summary>
    /// Reads the entry. If it has expired and the batch writes the key, it is removed in a separate commit. Requires its shard's lock.
    /// </summary>
    public void Capture(Shard shard, ICommitLog log, long now)
    {
        Stored = shard.Find(Name.Span, Hash, out Slot);
        if (IsWritten && Stored.Exists && Stored.IsExpired(now) && shard.TryRemoveExpired(log, Stored, Slot, Hash)) Stored = default;
        (StoredVersion, StoredValueBytes, StoredBytes, StoredExpiresAt) = (0, 0, 0, Operation.Never);
        if (!Stored.Exists)
        {
            shard.ThrowIfClosed();
            return;
        }
        StoredBytes = Shard.EntryBytes(Stored);
        StoredValueBytes = Stored.Value.Length;
        if (Stored.IsExpired(now)) return;
        StoredVersion = Stored.Version;
        StoredExpiresAt = Stored.ExpiresAt;
    }

    public void Copy()
    {
        ReleaseCopy();
        if (!Stored.Exists) return;
        _copy = ScratchArrays.Rent<byte>(StoredValueBytes);
        Stored.Value.CopyTo(_copy);
    }

    public void ReleaseCopy()
    {
        if (_copy is not null) ScratchArrays.Return(_copy);
        _copy = null;
    }

    /// <summary>The version of the last commit that may have changed the key.</summary>
    public readonly long LastChange(Shard shard) => Stored.Exists ? Stored.Version : shard.LastRemoval;

    public void Begin()
    {
        (Change, ValueOf, LastWrite, KeepsExpiry, TouchedUntil) = (KeyChange.None, -1, -1, true, Operation.Never);
        (Version, ExpiresAt) = (StoredVersion, StoredExpiresAt);
        ValueBytes = StoredVersion == 0 ? 0 : StoredValueBytes;
    }
}
