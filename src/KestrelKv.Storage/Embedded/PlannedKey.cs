using KestrelKv.Json;

namespace KestrelKv.Storage.Embedded;

/// <summary>How an atomic batch changes a key.</summary>
internal enum KeyChange : byte
{
    None,
    Put,
    Expiry,
    Delete,
}

/// <summary>A key of an atomic batch: its entry in the store, and what the entry becomes.</summary>
internal struct PlannedKey
{
    private byte[]? _copy;

    public ReadOnlyMemory<byte> Name;
    public ulong Hash;

    /// <summary>The next key of the same bucket, counted from 1; 0 for none.</summary>
    public int NextInBucket;

    /// <summary>Whether any operation writes the key.</summary>
    public bool IsWritten;

    /// <summary>Whether any operation edits the value or searches it.</summary>
    public bool NeedsCopy;

    /// <summary>The entry in the store, even if it has expired.</summary>
    public Entry Stored;

    /// <summary>The slot of <see cref="Stored"/> in the index.</summary>
    public int Slot;

    /// <summary>The version of the entry in the store; 0 if there is none, or it has expired.</summary>
    public long StoredVersion;

    public int StoredValueBytes;

    /// <summary>The memory that <see cref="Stored"/> takes.</summary>
    public long StoredBytes;
    private long _storedExpiresAt;

    /// <summary>The new block of the entry, once it is prepared.</summary>
    public Entry Prepared;

    public KeyChange Change;

    /// <summary>The expiry that the change gives the entry.</summary>
    public long ChangedExpiresAt;

    /// <summary>The last operation that changes the key.</summary>
    public int LastWrite;

    /// <summary>The last operation that puts a value; -1 if none has.</summary>
    public int ValueOf;

    /// <summary>The version after the operations so far; 0 if there is no entry.</summary>
    public long Version;

    /// <summary>The expiry after the operations so far.</summary>
    public long ExpiresAt;

    /// <summary>The length of the value after the operations so far.</summary>
    public int ValueBytes;

    /// <summary>The value in the store, or its copy; only if there is an entry.</summary>
    public readonly ReadOnlySpan<byte> StoredValue => StoredText(0, StoredValueBytes);

    /// <summary>A part of that value. The copy stays as it is if the entry changes.</summary>
    public readonly ReadOnlySpan<byte> StoredText(int start, int length) =>
        _copy is null ? Stored.Value.Slice(start, length) : _copy.AsSpan(start, length);

    /// <summary>Reads the entry, under its shard's lock.</summary>
    public void Capture(Shard shard, long now)
    {
        Stored = shard.Find(Name.Span, Hash, out Slot);
        (StoredVersion, StoredValueBytes, StoredBytes, _storedExpiresAt) = (0, 0, 0, Operation.Never);
        if (!Stored.Exists)
        {
            shard.ThrowIfClosed();
            return;
        }
        StoredBytes = Shard.EntryBytes(Stored);
        StoredValueBytes = Stored.Value.Length;
        if (Stored.IsExpired(now)) return;
        StoredVersion = Stored.Version;
        _storedExpiresAt = Stored.ExpiresAt;
    }

    /// <summary>Copies the value, under its shard's lock.</summary>
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

    /// <summary>The version of the last commit that changed the key, or may have.</summary>
    public readonly long LastChange(Shard shard) => Stored.Exists ? Stored.Version : shard.LastRemoval;

    /// <summary>Sets the state before the first operation.</summary>
    public void Begin()
    {
        (Change, ValueOf, LastWrite) = (KeyChange.None, -1, -1);
        (Version, ExpiresAt) = (StoredVersion, _storedExpiresAt);
        ValueBytes = StoredVersion == 0 ? 0 : StoredValueBytes;
    }
}
