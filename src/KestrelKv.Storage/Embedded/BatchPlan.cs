using System.Buffers;
using System.Numerics;
using KestrelKv.Json;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>
/// The plan of an atomic batch: the result of each operation and the change of each key, computed before anything is changed.
/// </summary>
/// <remarks>
/// <para>
/// <b>Steps.</b> <see cref="Capture"/> reads the state of all keys under their locks. <see cref="Play"/> computes results and changes
/// from these states alone. <see cref="TryPrepare"/> obtains the memory of all changes; after the commit <see cref="Deliver"/> passes the
/// results to the sink and <see cref="Complete"/> applies the changes, which cannot fail.
/// </para>
/// <para>
/// <b>Long batches</b> are played without locks, on copies of the values that they edit or search (<see cref="CaptureCopies"/>). The
/// plan is valid if <see cref="IsCurrent"/> under the locks.
/// </para>
/// <para>Several writes of one key become one change: a commit has at most one record for each key.</para>
/// <para>All arrays are rented: a batch without edits allocates nothing.</para>
/// </remarks>
internal ref struct BatchPlan : IDisposable
{
    /// <summary>The most that the edited values of a batch may take at a time: 256 MiB.</summary>
    private const long MadeBytesMax = 256 * 1024 * 1024;

    /// <summary>The most that the values copied for a batch may add up to: 1 GiB.</summary>
    private const long CopiedBytesMax = Operation.ValueBytesMax;

    private readonly ReadOnlySpan<Operation> _batch;
    private readonly Keyspace _entries;
    private readonly DocumentLimits _limits;
    private readonly int _mask;
    private readonly int[] _buckets;
    private readonly PlannedKey[] _keys;
    private readonly int[] _keyOf;
    private readonly PlannedResult[] _results;

    /// <summary>The operations, edits having become puts.</summary>
    private readonly Operation[] _operations;

    /// <summary>The changes, and the keys that they belong to.</summary>
    private readonly Operation[] _writes;
    private readonly int[] _writeKeys;

    /// <summary>The texts of edited values by operation, and whether a result refers to one. Null without edits.</summary>
    private readonly byte[]?[]? _made;
    private readonly bool[]? _isShown;
    private readonly ArrayBufferWriter<byte>? _sums;
    private int _keyCount;
    private int _writeCount;
    private ResultStatus _refusedStatus;
    private long _refusedVersion;
    private string? _refusedDetail;
    private long _largestGrowth;
    private long _work;
    private long _madeBytes;
    private long _patchedBytes;
    private long _readBytes;
    private long _recordBytes;
    private long _commitBytes;

    /// <param name="batch">The operations.</param>
    /// <param name="entries">The store's entries.</param>
    /// <param name="record">The idempotency record of the batch; null if it has none.</param>
    /// <param name="limits">The limits of edited values.</param>
    public BatchPlan(ReadOnlySpan<Operation> batch, Keyspace entries, IdempotencyRecord? record, DocumentLimits limits)
    {
        _batch = batch;
        (_entries, Record, _limits) = (entries, record, limits);
        _operations = ArrayPool<Operation>.Shared.Rent(batch.Length);
        _results = ArrayPool<PlannedResult>.Shared.Rent(batch.Length);
        _keyOf = ArrayPool<int>.Shared.Rent(batch.Length);
        _keys = ArrayPool<PlannedKey>.Shared.Rent(batch.Length + 1);
        _writes = ArrayPool<Operation>.Shared.Rent(batch.Length + 1);
        _writeKeys = ArrayPool<int>.Shared.Rent(batch.Length + 1);
        _mask = (int)BitOperations.RoundUpToPowerOf2((uint)batch.Length + 1) - 1;
        _buckets = ArrayPool<int>.Shared.Rent(_mask + 1);
        Array.Clear(_buckets, 0, _mask + 1);
        bool hasEdits = false;
        AcknowledgesFromMemory = !batch.IsEmpty;
        for (int i = 0; i < batch.Length; i++)
        {
            AddKey(i);
            AcknowledgesFromMemory &= batch[i].AcknowledgeFromMemory;
            hasEdits |= batch[i].IsEdit;
        }
        if (hasEdits)
        {
            _made = ArrayPool<byte[]?>.Shared.Rent(batch.Length);
            _isShown = ArrayPool<bool>.Shared.Rent(batch.Length);
            _sums = new ArrayBufferWriter<byte>();
        }
        if (record is null) return;
        ref PlannedKey key = ref _keys[_keyCount];
        (key.Name, key.Hash, key.IsWritten) = (record.Key, KeyHash.Of(record.Key.Span), true);
        Shards |= 1u << Shard.IndexOf(key.Hash);
    }

    /// <summary>The shards of all keys, a bit for each.</summary>
    public uint Shards { get; private set; }

    /// <summary>Whether no operation writes and all are on one key: then a copy of the value is a consistent state.</summary>
    public readonly bool OnlyReadsOneKey => _keyCount == 1 && !_keys[0].IsWritten;

    /// <summary>The record of an idempotent batch; null if it has none.</summary>
    public IdempotencyRecord? Record { get; }

    /// <summary>Whether the results may be shown before they are durable.</summary>
    public bool AcknowledgesFromMemory { get; }

    /// <summary>The operation that is refused; -1 if none is.</summary>
    public int RefusedIndex { get; private set; }

    public readonly bool IsRefused => RefusedIndex >= 0;

    /// <summary>The result of the operation that is refused.</summary>
    public readonly OperationResult Refusal => new()
    {
        Status = _refusedStatus, Version = _refusedVersion, PreviousVersion = _refusedVersion, Detail = _refusedDetail,
    };

    /// <summary>The version that the commit must get; 0 for any. A precondition of the batch compares with it.</summary>
    public long PinnedVersion { get; private set; }

    /// <summary>By how many bytes the entries grow.</summary>
    public long GrowthBytes { get; private set; }

    /// <summary>The size of all changed entries afterwards, in bytes.</summary>
    public long WrittenBytes { get; private set; }

    /// <summary>The operation that adds most to <see cref="GrowthBytes"/>.</summary>
    public int LargestIndex { get; private set; }

    /// <summary>The size of the commit in the log, in bytes.</summary>
    public readonly long CommitBytes => _commitBytes;

    /// <summary>Whether any operation changes something: then the batch is a commit, even if its changes cancel each other out.</summary>
    public bool HasChanges { get; private set; }

    /// <summary>The changes to commit: one put, expiry or delete for each key that is different afterwards.</summary>
    public readonly ReadOnlySpan<Operation> Writes => _writes.AsSpan(0, _writeCount);

    private readonly Span<PlannedKey> Keys => _keys.AsSpan(0, _keyCount);

    public readonly void Dispose()
    {
        ReleaseMade();
        ReleaseCopies();
        Array.Clear(_operations, 0, _batch.Length);
        Array.Clear(_writes, 0, _batch.Length + 1);
        Array.Clear(_keys, 0, _batch.Length + 1);
        ArrayPool<Operation>.Shared.Return(_operations);
        ArrayPool<Operation>.Shared.Return(_writes);
        ArrayPool<PlannedKey>.Shared.Return(_keys);
        ArrayPool<PlannedResult>.Shared.Return(_results);
        ArrayPool<int>.Shared.Return(_keyOf);
        ArrayPool<int>.Shared.Return(_writeKeys);
        ArrayPool<int>.Shared.Return(_buckets);
        if (_made is not null) ArrayPool<byte[]?>.Shared.Return(_made);
        if (_isShown is not null) ArrayPool<bool>.Shared.Return(_isShown);
    }

    /// <summary>Reads the state of all keys. Under the locks of <see cref="Shards"/>.</summary>
    public readonly void Capture(long now)
    {
        foreach (ref PlannedKey key in Keys) key.Capture(_entries.ShardOf(key.Hash), now);
    }

    /// <summary>Reads the state of each key under its own lock, and copies the values that are edited or searched.</summary>
    /// <returns>False if the copies exceed 1 GiB: then an operation is refused.</returns>
    public bool CaptureCopies(long now)
    {
        long copied = 0;
        bool fits = true;
        for (int i = 0; i < _keyCount; i++)
        {
            ref PlannedKey key = ref _keys[i];
            Shard shard = _entries.ShardOf(key.Hash);
            shard.Enter();
            try
            {
                key.Capture(shard, now);
                if (fits && key.NeedsCopy && (copied += key.StoredValueBytes) <= CopiedBytesMax) key.Copy();
            }
            finally
            {
                shard.Exit();
            }
            if (!fits || copied <= CopiedBytesMax) continue;

            // The other keys are captured all the same: IsCurrent compares all.
            fits = false;
            Refuse(Array.IndexOf(_keyOf, i), ResultStatus.ValueTooLong, key.StoredVersion,
                "the values that the batch edits or searches exceed 1 GiB in total; use several batches");
        }
        return fits;
    }

    /// <summary>Releases all copies: the values are read from the store again.</summary>
    public readonly void ReleaseCopies()
    {
        foreach (ref PlannedKey key in Keys) key.ReleaseCopy();
    }

    /// <summary>Reads the state of all keys again. Under the locks of <see cref="Shards"/>.</summary>
    /// <returns>Whether it is the one that was played.</returns>
    public readonly bool IsCurrent(long now)
    {
        foreach (ref PlannedKey key in Keys)
        {
            long version = key.StoredVersion;
            key.Capture(_entries.ShardOf(key.Hash), now);
            if (key.StoredVersion != version) return false;
        }
        return true;
    }

    /// <summary>The version of the last commit that changed any of the keys, or may have.</summary>
    public readonly long LastChange()
    {
        long last = 0;
        foreach (ref readonly PlannedKey key in Keys) last = Math.Max(last, key.LastChange(_entries.ShardOf(key.Hash)));
        return last;
    }

    /// <summary>Removes expired entries that the batch writes. Under the locks of <see cref="Shards"/>.</summary>
    public readonly void RemoveExpired(ICommitLog log, long now)
    {
        foreach (ref readonly PlannedKey key in _keys.AsSpan(0, Record is null ? _keyCount : _keyCount + 1))
        {
            if (!key.IsWritten) continue;
            Shard shard = _entries.ShardOf(key.Hash);
            Entry entry = shard.Find(key.Name.Span, key.Hash, out int slot);
            if (entry.Exists && entry.IsExpired(now)) shard.TryRemoveExpired(log, entry, slot, key.Hash);
        }
    }

    /// <summary>Records that the entries of all keys are used now, so that they are not evicted next.</summary>
    public readonly void TouchAll()
    {
        foreach (ref readonly PlannedKey key in Keys)
            if (key.Stored.Exists) _entries.ShardOf(key.Hash).Touch(key.Stored);
    }

    /// <summary>Computes all results and changes.</summary>
    /// <param name="now">Entries that have expired by then do not exist.</param>
    /// <param name="next">The version that the batch is expected to get.</param>
    /// <param name="workBytesMax">The bytes that may be edited and searched (<see cref="LongWork.Of"/>).</param>
    /// <returns>False if there are more.</returns>
    public bool Play(long now, long next, long workBytesMax)
    {
        RefusedIndex = -1;
        PinnedVersion = 0;
        HasChanges = false;
        _writeCount = 0;
        GrowthBytes = WrittenBytes = _commitBytes = _work = _madeBytes = _patchedBytes = _readBytes = _recordBytes = 0;
        ReleaseMade();
        _sums?.ResetWrittenCount();
        _batch.CopyTo(_operations);
        foreach (ref PlannedKey key in Keys) key.Begin();
        for (int i = 0; i < _batch.Length && !IsRefused; i++)
        {
            ref PlannedKey key = ref _keys[_keyOf[i]];
            _work += LongWork.Of(_batch[i], key.ValueBytes);
            if (_work > workBytesMax) return false;
            PlayOne(i, ref key, now, next);
        }
        if (!IsRefused) CollectWrites();
        return true;
    }

    /// <summary>Adds the put of the idempotency record to the changes. For a refused batch, it is the only change.</summary>
    /// <param name="now">Decides whether an earlier record has expired.</param>
    /// <param name="expiresAt">The expiry of the record.</param>
    public void AddRecord(long now, long expiresAt)
    {
        if (!IsRefused)
        {
            Record!.Begin(committed: true);
            for (int i = 0; i < _batch.Length; i++) Record.Add(i, ResultAt(i, IdempotencyRecord.OwnVersion));
            if (_commitBytes + Commits.Record.BytesAround + Record.Key.Length + Record.Bytes.Length > Frame.PayloadBytesMax)
                Refuse(LargestIndex, ResultStatus.ValueTooLong, 0, "the batch and the record of its results exceed 1 GiB in total");
        }
        if (IsRefused)
        {
            PinnedVersion = 0;
            _writeCount = 0;
            GrowthBytes = WrittenBytes = _commitBytes = 0;
            Record!.Begin(committed: false);
            Record.Add(RefusedIndex, Refusal);
        }
        HasChanges = true;
        _keys[_keyCount].Capture(_entries.ShardOf(_keys[_keyCount].Hash), now);
        AddWrite(Operation.Put(Record!.Key, Record.Bytes, expiresAt), _keyCount, Record.Bytes.Length, LargestIndex);
    }

    /// <summary>Finds the record of an earlier batch with the same request id. Under the locks of <see cref="Shards"/>.</summary>
    public readonly Entry FindRecord() =>
        _entries.ShardOf(_keys[_keyCount].Hash).Find(_keys[_keyCount].Name.Span, _keys[_keyCount].Hash, out _);

    /// <summary>Obtains the memory of all changes. Under the locks of <see cref="Shards"/>.</summary>
    /// <returns>False if there is none; nothing has changed.</returns>
    public readonly bool TryPrepare()
    {
        int prepared = 0;
        try
        {
            for (; prepared < _writeCount; prepared++)
            {
                ref PlannedKey key = ref _keys[_writeKeys[prepared]];
                key.Prepared = _entries.ShardOf(key.Hash).Prepare(Commits.Record.Of(_writes[prepared]), key.Hash, key.Stored);
            }
            return true;
        }
        catch (OutOfMemoryException)
        {
            Abandon(prepared);
            return false;
        }
    }

    /// <summary>Undoes <see cref="TryPrepare"/>.</summary>
    public readonly void Abandon() => Abandon(_writeCount);

    /// <summary>Passes all results to a sink, before the changes are applied.</summary>
    /// <param name="version">The version of the commit; 0 if nothing changes.</param>
    /// <param name="results">The sink.</param>
    public readonly void Deliver(long version, IResultSink results)
    {
        for (int i = 0; i < _batch.Length; i++)
        {
            ref readonly PlannedKey key = ref _keys[_keyOf[i]];
            if (!_batch[i].IsWrite && key.Stored.Exists) _entries.ShardOf(key.Hash).Touch(key.Stored);
            results.OnResult(i, ResultAt(i, version));
        }
    }

    /// <summary>Applies all changes. Cannot fail.</summary>
    public readonly void Complete(long version)
    {
        for (int i = 0; i < _writeCount; i++)
        {
            ref PlannedKey key = ref _keys[_writeKeys[i]];
            Shard shard = _entries.ShardOf(key.Hash);

            // Preparing other keys, or completing them, may have moved the slots of the index.
            if (key.Stored.Exists) shard.Find(key.Name.Span, key.Hash, out key.Slot);
            shard.Complete(Commits.Record.Of(_writes[i]), key.Hash, key.Stored, key.Slot, key.Prepared, version);
        }
    }

    private readonly void Abandon(int count)
    {
        while (count-- > 0)
        {
            ref PlannedKey key = ref _keys[_writeKeys[count]];
            _entries.ShardOf(key.Hash).Abandon(key.Hash, key.Stored, key.Prepared);
        }
    }

    /// <summary>Finds or adds the key of an operation.</summary>
    private void AddKey(int index)
    {
        ref readonly Operation operation = ref _batch[index];
        ulong hash = KeyHash.Of(operation.Key.Span);
        ref int bucket = ref _buckets[(int)(hash >> 32) & _mask];
        int at = bucket - 1;
        while (at >= 0 && !_keys[at].Name.Span.SequenceEqual(operation.Key.Span)) at = _keys[at].NextInBucket - 1;
        if (at < 0)
        {
            at = _keyCount++;
            _keys[at] = new PlannedKey { Name = operation.Key, Hash = hash, NextInBucket = bucket };
            bucket = at + 1;
            Shards |= 1u << Shard.IndexOf(hash);
        }
        _keyOf[index] = at;
        _keys[at].IsWritten |= operation.IsWrite;
        _keys[at].NeedsCopy |= operation.IsEdit || (!operation.IsWrite && !operation.Path.IsEmpty);
    }

    private void PlayOne(int index, ref PlannedKey key, long now, long next)
    {
        ref readonly Operation operation = ref _batch[index];
        ref PlannedResult result = ref _results[index];
        result = default;
        if (key.Change != KeyChange.None && operation.Precondition.IsOnAVersion) PinnedVersion = next;
        if (!operation.Precondition.Holds(key.Version))
        {
            // Not the version that the batch itself would give the entry, which nobody will ever see.
            Refuse(index, ResultStatus.PreconditionFailed, key.StoredVersion);
            return;
        }
        if (!operation.IsWrite || operation.ReturnsOld) _readBytes += key.ValueBytes;
        if (_readBytes > _limits.ReadBytesMax && _batch.Length > 1)
        {
            Refuse(index, ResultStatus.ValueTooLong, key.Version,
                $"the values to read come to more than {_limits.ReadBytesMax} bytes, expected fewer of them in one request (Limits:ReadBytesMax)");
            return;
        }

        EditResult edit = default;
        if (operation.IsEdit && !TryResolve(index, key, out edit)) return;
        if (operation.Changes(key.Version != 0)) Write(index, ref key, edit.PartBytes, ref result, now, next);
        else if (operation.IsWrite || key.Version == 0) result.Status = ResultStatus.NotFound;
        else Read(index, key, ref result, next);

        _recordBytes += IdempotencyRecord.ResultBytes + result.Value.Length + result.Old.Length;
        if (Record is not null && _recordBytes > Record.BytesMax)
        {
            Refuse(index, ResultStatus.ValueTooLong, 0,
                $"the results that the request id has to record exceed {Record.BytesMax} bytes; read or return less in this batch");
        }
    }

    private readonly void Read(int index, in PlannedKey key, ref PlannedResult result, long next)
    {
        result.Version = result.PreviousVersion = key.Version == next ? IdempotencyRecord.OwnVersion : key.Version;
        result.ExpiresAt = key.ExpiresAt;
        ref readonly Operation get = ref _batch[index];
        int start = 0, length = key.ValueBytes;
        if (!get.Path.IsEmpty)
        {
            ReadOnlySpan<byte> value = ValueOf(key);
            if (!JsonPointer.TryFind(value, get.Path.Span, out ReadOnlySpan<byte> part))
            {
                result.Status = ResultStatus.PathNotFound;
                return;
            }
            value.Overlaps(part, out start);
            length = part.Length;
        }
        result.Value = TextOf(index, key, start, length);
    }

    private void Write(int index, ref PlannedKey key, int sumBytes, ref PlannedResult result, long now, long next)
    {
        ref readonly Operation write = ref _operations[index];
        result.Version = IdempotencyRecord.OwnVersion;
        result.PreviousVersion = key.Version == next ? IdempotencyRecord.OwnVersion : key.Version;
        result.ExpiresAt = write.ExpiresAt;
        if (write.ReturnsOld && key.Version != 0) result.Old = TextOf(index, key, 0, key.ValueBytes);
        if (sumBytes > 0) result.Value = new(TextPlace.Sums, 0, _sums!.WrittenCount - sumBytes, sumBytes);

        switch (write.Kind)
        {
            case OperationKind.Put:
                if (key.ValueOf >= 0) ReleaseMade(key.ValueOf);
                (key.Change, key.ValueOf, key.ValueBytes) = (KeyChange.Put, index, write.Value.Length);
                break;
            case OperationKind.Delete:
                key.Change = KeyChange.Delete;
                break;
            default:
                if (key.Change != KeyChange.Put) key.Change = KeyChange.Expiry;
                break;
        }
        (key.LastWrite, key.ChangedExpiresAt) = (index, write.ExpiresAt);

        // An expiry that has passed removes the entry for the operations that follow.
        bool isGone = write.Kind == OperationKind.Delete || (write.ExpiresAt != Operation.Never && write.ExpiresAt <= now);
        (key.Version, key.ExpiresAt) = isGone ? (0, Operation.Never) : (next, write.ExpiresAt);
        if (isGone) key.ValueBytes = 0;
    }

    /// <summary>Turns an edit into a put in memory of its own. False if it is refused.</summary>
    private bool TryResolve(int index, in PlannedKey key, out EditResult edit)
    {
        using EditBuffer buffer = EditBuffer.Rent();
        edit = Edits.Resolve(_batch[index], exists: key.Version != 0, ValueOf(key), key.ExpiresAt, _limits, buffer, out Operation put);
        if (edit.Status == EditStatus.Done && (_madeBytes += put.Value.Length) > MadeBytesMax)
            edit = new(EditStatus.ValueTooLong, "the values that the batch edits exceed 256 MiB in total; use several batches");
        if ((_patchedBytes += edit.PatchedBytes) > EditResult.PatchedBytesMax)
            edit = new(EditStatus.PatchTooLong, "the operations of all patches of the batch process more than 256 MiB of values");
        if (edit.Status != EditStatus.Done)
        {
            Refuse(index, edit.Status.ToResult(), key.Version, edit.Detail);
            return false;
        }
        byte[] made = ScratchArrays.Rent<byte>(put.Value.Length);
        (_made![index], _isShown![index]) = (made, false);
        put.Value.CopyTo(made);
        _operations[index] = Operation.Put(put.Key, made.AsMemory(0, put.Value.Length), put.ExpiresAt) with { ReturnsOld = put.ReturnsOld };
        _sums!.Write(put.Value.Span.Slice(edit.PartStart, edit.PartBytes));
        return true;
    }

    /// <summary>Lists the changes, each at the place of the last write of its key.</summary>
    private void CollectWrites()
    {
        _largestGrowth = long.MinValue;
        for (int i = 0; i < _batch.Length; i++)
        {
            ref readonly PlannedKey key = ref _keys[_keyOf[i]];
            if (key.LastWrite != i) continue;
            HasChanges = true;

            // What the batch itself has added is gone again.
            if (key.Change == KeyChange.Delete && key.StoredVersion == 0) continue;
            Operation write = key.Change switch
            {
                KeyChange.Put => Operation.Put(key.Name, _operations[key.ValueOf].Value, key.ChangedExpiresAt),
                KeyChange.Expiry => Operation.Expire(key.Name, key.ChangedExpiresAt),
                _ => Operation.Delete(key.Name),
            };
            AddWrite(write, _keyOf[i], key.Change == KeyChange.Put ? write.Value.Length : key.StoredValueBytes, i);
        }
        if (_commitBytes > Frame.PayloadBytesMax) Refuse(LargestIndex, ResultStatus.ValueTooLong, 0, "the batch exceeds 1 GiB");
    }

    private void AddWrite(in Operation write, int key, int valueBytes, int index)
    {
        Shard shard = _entries.ShardOf(_keys[key].Hash);
        long bytes = write.Kind == OperationKind.Delete ? 0 : shard.EntryBytes(write.Key.Length, valueBytes, write.ExpiresAt);
        long growth = bytes - _keys[key].StoredBytes;
        if (growth > _largestGrowth) (_largestGrowth, LargestIndex) = (growth, index);
        GrowthBytes += growth;
        WrittenBytes += bytes;
        _commitBytes += Commits.Record.Of(write).Bytes;
        _writeKeys[_writeCount] = key;
        _writes[_writeCount++] = write;
    }

    private void Refuse(int index, ResultStatus status, long version, string? detail = null) =>
        (RefusedIndex, _refusedStatus, _refusedVersion, _refusedDetail) = (index, status, version, detail);

    /// <summary>The value of a key after the operations so far; empty if there is none.</summary>
    private readonly ReadOnlySpan<byte> ValueOf(in PlannedKey key) =>
        key.Version == 0 ? default : key.ValueOf >= 0 ? _operations[key.ValueOf].Value.Span : key.StoredValue;

    /// <summary>Refers to a part of that value; until the batch is over, its text is kept.</summary>
    private readonly PlannedText TextOf(int index, in PlannedKey key, int start, int length)
    {
        if (key.ValueOf < 0) return new(TextPlace.Stored, _keyOf[index], start, length);
        if (_isShown is not null) _isShown[key.ValueOf] = true;
        return new(TextPlace.Operation, key.ValueOf, start, length);
    }

    private readonly ReadOnlySpan<byte> TextAt(PlannedText text) => text.Place switch
    {
        TextPlace.Stored => _keys[text.At].StoredText(text.Start, text.Length),
        TextPlace.Operation => _operations[text.At].Value.Span.Slice(text.Start, text.Length),
        TextPlace.Sums => _sums!.WrittenSpan.Slice(text.Start, text.Length),
        _ => default,
    };

    private readonly OperationResult ResultAt(int index, long version)
    {
        ref readonly PlannedResult result = ref _results[index];
        return new()
        {
            Status = result.Status,
            Version = result.Version == IdempotencyRecord.OwnVersion ? version : result.Version,
            PreviousVersion = result.PreviousVersion == IdempotencyRecord.OwnVersion ? version : result.PreviousVersion,
            ExpiresAt = result.ExpiresAt,
            Value = TextAt(result.Value),
            OldValue = TextAt(result.Old),
        };
    }

    /// <summary>Releases the text of an edited value that another value has replaced, unless a result refers to it.</summary>
    private void ReleaseMade(int operation)
    {
        if (_made?[operation] is not { } made || _isShown![operation]) return;
        ScratchArrays.Return(made);
        _made[operation] = null;
        _madeBytes -= _operations[operation].Value.Length;
    }

    private readonly void ReleaseMade()
    {
        if (_made is null) return;
        foreach (ref byte[]? made in _made.AsSpan(0, _batch.Length))
        {
            if (made is not null) ScratchArrays.Return(made);
            made = null;
        }
    }
}
