using System.Buffers;
using KestrelKv.Json;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>
/// The plan of an atomic batch: the result of each operation and the change of each key, computed before anything is changed.
/// </summary>
/// <remarks>
/// <para>
/// <b>Steps.</b> <see cref="Capture"/> reads the state of all keys. <see cref="Evaluate"/> computes results and changes from these states
/// alone. <see cref="TryPrepare"/> allocates all memory. After the commit, <see cref="Deliver"/> passes the results to the sink, and
/// <see cref="Complete"/> applies the changes and cannot fail. All steps except <see cref="Evaluate"/> require the locks of
/// <see cref="Shards"/>.
/// </para>
/// <para>
/// <b>Long batches</b> are evaluated without locks, on copies of the values that they edit or search (<see cref="CaptureCopies"/>).
/// The plan is valid if <see cref="IsCurrent"/> returns true under the locks.
/// </para>
/// <para>Several writes of a key become one change: a commit has at most one record for each key.</para>
/// <para>All arrays are reused (<see cref="PlanArrays"/>), so a batch allocates nothing on average.</para>
/// </remarks>
internal ref struct BatchPlan : IDisposable
{
    /// <summary>The maximum total size of the edited values held at a time: 256 MiB.</summary>
    private const long EditedBytesMax = 256 * 1024 * 1024;

    /// <summary>The maximum total size of the copied values: 1 GiB.</summary>
    private const long CopiedBytesMax = Operation.ValueBytesMax;

    private readonly ReadOnlySpan<Operation> _batch;
    private readonly Keyspace _entries;
    private readonly DocumentLimits _limits;
    private readonly PlanArrays _arrays;
    private readonly PlannedKey[] _keys;
    private readonly int[] _keyOf;
    private readonly PlannedResult[] _results;

    /// <summary>The operations, with edits converted to puts. Unused without edits.</summary>
    private readonly Operation[] _resolved;

    /// <summary>The changes, and the indexes of their keys.</summary>
    private readonly Change[] _writes;
    private readonly int[] _writeKeys;

    /// <summary>The edited values by operation, and whether a result refers to each. Null without edits.</summary>
    private readonly byte[]?[]? _editedValues;
    private readonly bool[]? _isReferenced;

    /// <summary>The sums of increments, in a rented array.</summary>
    private byte[] _sums = [];
    private int _sumBytes;
    private int _keyCount;
    private int _writeCount;
    private ResultStatus _refusedStatus;
    private long _refusedVersion;
    private string? _refusedDetail;
    private long _largestGrowth;
    private long _work;
    private long _editedBytes;
    private long _patchedBytes;
    private long _readBytes;
    private long _recordBytes;
    private long _commitBytes;

    public BatchPlan(ReadOnlySpan<Operation> batch, Keyspace entries, IdempotencyRecord? record, DocumentLimits limits)
    {
        _batch = batch;
        (_entries, Record, _limits) = (entries, record, limits);
        _arrays = PlanArrays.Rent(batch.Length);
        (_keys, _keyOf, _results) = (_arrays.Keys, _arrays.KeyOf, _arrays.Results);
        (_resolved, _writes, _writeKeys) = (_arrays.Resolved, _arrays.Writes, _arrays.WriteKeys);
        int bucketMask = PlanArrays.BucketCount(batch.Length) - 1;
        Array.Clear(_arrays.Buckets, 0, bucketMask + 1);
        bool hasEdits = false;
        AcknowledgesFromMemory = !batch.IsEmpty;
        for (int i = 0; i < batch.Length; i++)
        {
            AddKey(i, bucketMask);
            AcknowledgesFromMemory &= batch[i].AcknowledgeFromMemory;
            hasEdits |= batch[i].IsEdit;
        }
        if (hasEdits)
        {
            _editedValues = ArrayPool<byte[]?>.Shared.Rent(batch.Length);
            _isReferenced = ArrayPool<bool>.Shared.Rent(batch.Length);
        }
        if (record is null) return;
        ref PlannedKey key = ref _keys[_keyCount];
        (key.Name, key.Hash, key.IsWritten) = (record.Key, KeyHash.Of(record.Key.Span), true);
        Shards |= 1u << Shard.IndexOf(key.Hash);
    }

    /// <summary>A bit mask of the shards of all keys.</summary>
    public uint Shards { get; private set; }

    /// <summary>Whether the batch only reads one key. A copy of its value is then a consistent state.</summary>
    public readonly bool OnlyReadsOneKey => _keyCount == 1 && !_keys[0].IsWritten;

    public IdempotencyRecord? Record { get; }

    /// <summary>
    /// The growth of all idempotency records, in bytes, after <see cref="AddRecord"/>. The new record may replace one with a lower sequence.
    /// </summary>
    public readonly int RecordGrowthBytes => Record!.Bytes.Length - _keys[_keyCount].StoredValueBytes;

    /// <summary>Whether the results may be shown before they are durable.</summary>
    public bool AcknowledgesFromMemory { get; }

    /// <summary>The index of the refused operation; -1 if none is refused.</summary>
    public int RefusedIndex { get; private set; }

    public readonly bool IsRefused => RefusedIndex >= 0;

    public readonly OperationResult Refusal => new()
    {
        Status = _refusedStatus, Version = _refusedVersion, PreviousVersion = _refusedVersion, Detail = _refusedDetail,
    };

    /// <summary>The version that the commit must get, because a precondition compares with it; 0 for any.</summary>
    public long PinnedVersion { get; private set; }

    /// <summary>The net growth of all entries, in bytes.</summary>
    public long GrowthBytes { get; private set; }

    /// <summary>The total size of all changed entries afterwards, in bytes.</summary>
    public long WrittenBytes { get; private set; }

    /// <summary>The index of the operation that adds most to <see cref="GrowthBytes"/>.</summary>
    public int LargestIndex { get; private set; }

    public readonly long CommitBytes => _commitBytes;

    /// <summary>Whether any operation changes an entry. The batch is then a commit, even if its changes cancel each other out.</summary>
    public bool HasChanges { get; private set; }

    /// <summary>The changes to commit: one put, expiry or delete for each key whose entry differs afterwards.</summary>
    public readonly ReadOnlySpan<Change> Writes => _writes.AsSpan(0, _writeCount);

    private readonly Span<PlannedKey> Keys => _keys.AsSpan(0, _keyCount);

    public readonly void Dispose()
    {
        ReleaseEditedValues();
        ReleaseCopies();
        if (_editedValues is not null)
        {
            Array.Clear(_resolved, 0, _batch.Length);
            ArrayPool<byte[]?>.Shared.Return(_editedValues);
            ArrayPool<bool>.Shared.Return(_isReferenced!);
        }
        if (_sums.Length > 0) ScratchArrays.Return(_sums);
        Array.Clear(_writes, 0, _batch.Length + 1);
        Array.Clear(_keys, 0, _batch.Length + 1);
        _arrays.Return();
    }

    /// <summary>Reads the state of each key. Removes expired entries that the batch writes, in separate commits.</summary>
    public readonly void Capture(ICommitLog log, long now)
    {
        foreach (ref PlannedKey key in Keys) key.Capture(_entries.ShardOf(key.Hash), log, now);
    }

    /// <summary>Reads the state of the idempotency record. Returns the record of an earlier batch with the same request id, if any.</summary>
    public readonly Entry CaptureRecord(ICommitLog log, long now)
    {
        ref PlannedKey key = ref _keys[_keyCount];
        key.Capture(_entries.ShardOf(key.Hash), log, now);
        return key.StoredVersion == 0 ? default : key.Stored;
    }

    /// <summary>Reads the state of each key, and copies the values to edit or search. Acquires each key's lock itself.</summary>
    /// <returns>False if the copies would exceed 1 GiB. An operation is then refused.</returns>
    public bool CaptureCopies(ICommitLog log, long now)
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
                key.Capture(shard, log, now);
                if (fits && key.NeedsCopy && (copied += key.StoredValueBytes) <= CopiedBytesMax) key.Copy();
            }
            finally
            {
                shard.Exit();
            }
            if (!fits || copied <= CopiedBytesMax) continue;

            // The remaining keys are still captured: IsCurrent compares all.
            fits = false;
            Refuse(Array.IndexOf(_keyOf, i), ResultStatus.ValueTooLong, key.StoredVersion,
                "the values that the batch edits or searches exceed 1 GiB in total; use several batches");
        }
        return fits;
    }

    /// <summary>Releases all copies. Values are then read from the store again.</summary>
    public readonly void ReleaseCopies()
    {
        foreach (ref PlannedKey key in Keys) key.ReleaseCopy();
    }

    /// <summary>Reads the state of all keys again. Returns whether their versions are unchanged since the plan was computed.</summary>
    public readonly bool IsCurrent(ICommitLog log, long now)
    {
        foreach (ref PlannedKey key in Keys)
        {
            long version = key.StoredVersion;
            key.Capture(_entries.ShardOf(key.Hash), log, now);
            if (key.StoredVersion != version) return false;
        }
        return true;
    }

    /// <summary>
    /// Adopts the expiries that reads have extended since the plan was computed, which changes no version. Requires a current plan.
    /// </summary>
    public readonly void AdoptExpiries()
    {
        for (int i = 0; i < _batch.Length; i++)
        {
            if (_results[i].KeepsExpiry)
                _results[i].ExpiresAt = Math.Max(_results[i].ExpiresAt, _keys[_keyOf[i]].StoredExpiresAt);
        }
        for (int i = 0; i < _writeCount; i++)
        {
            ref readonly PlannedKey key = ref _keys[_writeKeys[i]];
            if (key.KeepsExpiry) _writes[i].ExpiresAt = Math.Max(_writes[i].ExpiresAt, key.StoredExpiresAt);
        }
    }

    /// <summary>The version of the last commit that may have changed any of the keys.</summary>
    public readonly long LastChange()
    {
        long last = 0;
        foreach (ref readonly PlannedKey key in Keys) last = Math.Max(last, key.LastChange(_entries.ShardOf(key.Hash)));
        return last;
    }

    /// <summary>Marks the entries of all keys as recently used, so that eviction does not choose them next.</summary>
    public readonly void TouchAll()
    {
        foreach (ref readonly PlannedKey key in Keys)
            if (key.Stored.Exists) _entries.ShardOf(key.Hash).Touch(key.Stored);
    }

    /// <summary>
    /// Computes all results and changes, for the commit version <paramref name="next"/>. Returns false if the operations edit and
    /// search more than <paramref name="workBytesMax"/> bytes.
    /// </summary>
    public bool Evaluate(long now, long next, long workBytesMax)
    {
        RefusedIndex = -1;
        PinnedVersion = 0;
        HasChanges = false;
        _writeCount = 0;
        GrowthBytes = WrittenBytes = _commitBytes = _work = _editedBytes = _patchedBytes = _readBytes = _recordBytes = 0;
        ReleaseEditedValues();
        _sumBytes = 0;
        if (_editedValues is not null) _batch.CopyTo(_resolved);
        foreach (ref PlannedKey key in Keys) key.Begin();
        for (int i = 0; i < _batch.Length && !IsRefused; i++)
        {
            ref PlannedKey key = ref _keys[_keyOf[i]];
            _work += LongWork.Of(_batch[i], key.ValueBytes);
            if (_work > workBytesMax) return false;
            EvaluateOne(i, ref key, now, next);
        }
        if (!IsRefused) CollectChanges();
        return true;
    }

    /// <summary>Adds the put of the idempotency record to the changes. For a refused batch, it is the only change.</summary>
    public void AddRecord(long expiresAt)
    {
        if (!IsRefused)
        {
            Record!.Begin(committed: true);
            for (int i = 0; i < _batch.Length; i++) Record.Add(i, ResultAt(i, IdempotencyRecord.OwnVersion));
            if (_commitBytes + Commits.Record.BytesAround + Record.Key.Length + Record.Bytes.Length > LogRecord.PayloadBytesMax)
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
        AddWrite(_keyCount, RecordKind.Put, Record!.Bytes, expiresAt, LargestIndex);
    }

    /// <summary>Returns false if the system has no memory. Nothing has changed then.</summary>
    public readonly bool TryPrepare()
    {
        int prepared = 0;
        try
        {
            for (; prepared < _writeCount; prepared++)
            {
                ref PlannedKey key = ref _keys[_writeKeys[prepared]];
                key.Prepared = _entries.ShardOf(key.Hash).Prepare(_writes[prepared].AsRecord(), key.Hash, key.Stored);
            }
            return true;
        }
        catch (OutOfMemoryException)
        {
            Abandon(prepared);
            return false;
        }
    }

    public readonly void Abandon() => Abandon(_writeCount);

    /// <summary>Passes all results to a sink. Must be called before the changes are applied.</summary>
    public readonly void Deliver(long version, ref BatchResults results)
    {
        for (int i = 0; i < _batch.Length; i++)
        {
            ref readonly PlannedKey key = ref _keys[_keyOf[i]];
            if (!_batch[i].IsWrite && key.Stored.Exists) _entries.ShardOf(key.Hash).Touch(key.Stored);
            results.Pass(i, ResultAt(i, version));
        }
    }

    /// <summary>Extends the expiries of entries that the batch reads and does not write. They keep their versions.</summary>
    public readonly void ExtendExpiries()
    {
        if (IsRefused) return;
        foreach (ref readonly PlannedKey key in Keys)
        {
            if (key.TouchedUntil != Operation.Never && key.Change == KeyChange.None && key.StoredVersion != 0)
                _entries.ShardOf(key.Hash).ExtendExpiry(key.Stored, key.TouchedUntil);
        }
    }

    public readonly void Complete(long version)
    {
        ExtendExpiries();
        for (int i = 0; i < _writeCount; i++)
        {
            ref PlannedKey key = ref _keys[_writeKeys[i]];
            Shard shard = _entries.ShardOf(key.Hash);

            // Preparing or completing other keys may have moved the slots of the index. A change in place needs none.
            bool isInPlace = !key.Prepared.Exists && _writes[i].Kind != RecordKind.Delete;
            if (key.Stored.Exists && !isInPlace) shard.Find(key.Name.Span, key.Hash, out key.Slot);
            shard.Complete(_writes[i].AsRecord(), key.Hash, key.Stored, key.Slot, key.Prepared, version);
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

    private void AddKey(int index, int bucketMask)
    {
        ref readonly Operation operation = ref _batch[index];
        ulong hash = KeyHash.Of(operation.Key.Span);
        ref int bucket = ref _arrays.Buckets[(int)(hash >> 32) & bucketMask];
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

    private void EvaluateOne(int index, ref PlannedKey key, long now, long next)
    {
        ref readonly Operation operation = ref _batch[index];
        ref PlannedResult result = ref _results[index];
        result = default;
        if (key.Change != KeyChange.None && operation.Precondition.RequiresVersion) PinnedVersion = next;
        if (!operation.Precondition.Holds(key.Version))
        {
            // Not the version that the batch itself would assign: it never becomes visible.
            Refuse(index, ResultStatus.PreconditionFailed, key.StoredVersion);
            return;
        }
        if (!operation.IsWrite || operation.ReturnsOld) _readBytes += key.ValueBytes;
        if (_readBytes > _limits.ReadBytesMax && _batch.Length > 1)
        {
            Refuse(index, ResultStatus.ValueTooLong, key.Version,
                $"the values to read exceed {_limits.ReadBytesMax} bytes in total (Limits:ReadBytesMax); use several requests");
            return;
        }

        EditResult edit = default;
        if (operation.IsEdit && !TryResolve(index, key, out edit)) return;
        if (operation.Changes(key.Version != 0)) Write(index, ref key, edit.PartBytes, ref result, now, next);
        else if (operation.IsWrite || key.Version == 0) result.Status = ResultStatus.NotFound;
        else Read(index, ref key, ref result, next);
        result.KeepsExpiry = key.KeepsExpiry;

        _recordBytes += IdempotencyRecord.ResultBytes + result.Value.Length + result.Old.Length;
        if (Record is not null && _recordBytes > Record.BytesMax)
        {
            Refuse(index, ResultStatus.ValueTooLong, 0,
                $"the results that the request id has to record exceed {Record.BytesMax} bytes; read or return less in this batch");
        }
    }

    private readonly void Read(int index, ref PlannedKey key, ref PlannedResult result, long next)
    {
        result.Version = result.PreviousVersion = key.Version == next ? IdempotencyRecord.OwnVersion : key.Version;
        ref readonly Operation get = ref _batch[index];
        key.TouchedUntil = Math.Max(key.TouchedUntil, get.ExpiresAt);

        // If the batch writes the key, its commit has the extended expiry.
        if (key.ExpiresAt != Operation.Never && key.ExpiresAt < get.ExpiresAt) key.ExpiresAt = key.ChangedExpiresAt = get.ExpiresAt;
        result.ExpiresAt = key.ExpiresAt;
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
        ref readonly Operation write = ref ResolvedAt(index);
        result.Version = IdempotencyRecord.OwnVersion;
        result.PreviousVersion = key.Version == next ? IdempotencyRecord.OwnVersion : key.Version;
        result.ExpiresAt = write.ExpiresAt;
        key.KeepsExpiry &= _batch[index].KeepsExpiry;
        if (write.ReturnsOld && key.Version != 0) result.Old = TextOf(index, key, 0, key.ValueBytes);
        if (sumBytes > 0) result.Value = new(TextPlace.Sums, 0, _sumBytes - sumBytes, sumBytes);

        switch (write.Kind)
        {
            case OperationKind.Put:
                if (key.ValueOf >= 0) ReleaseEditedValue(key.ValueOf);
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

        // An expiry in the past removes the entry for the operations that follow.
        bool isRemoved = write.Kind == OperationKind.Delete || (write.ExpiresAt != Operation.Never && write.ExpiresAt <= now);
        (key.Version, key.ExpiresAt) = isRemoved ? (0, Operation.Never) : (next, write.ExpiresAt);
        if (isRemoved) key.ValueBytes = 0;
    }

    /// <summary>Converts an edit to a put whose value is in a rented array. False if the edit is refused.</summary>
    private bool TryResolve(int index, in PlannedKey key, out EditResult edit)
    {
        using EditBuffer buffer = EditBuffer.Rent();
        edit = Edits.Resolve(_batch[index], exists: key.Version != 0, ValueOf(key), key.ExpiresAt, _limits, buffer, out Operation put);
        if (edit.Status == EditStatus.Done && (_editedBytes += put.Value.Length) > EditedBytesMax)
            edit = new(EditStatus.ValueTooLong, "the values that the batch edits exceed 256 MiB in total; use several batches");
        if ((_patchedBytes += edit.PatchedBytes) > EditResult.PatchedBytesMax)
            edit = new(EditStatus.PatchTooLong, "the operations of all patches of the batch process more than 256 MiB of values");
        if (edit.Status != EditStatus.Done)
        {
            Refuse(index, edit.Status.ToResult(), key.Version, edit.Detail);
            return false;
        }
        byte[] edited = ScratchArrays.Rent<byte>(put.Value.Length);
        (_editedValues![index], _isReferenced![index]) = (edited, false);
        put.Value.CopyTo(edited);
        _resolved[index] = Operation.Put(put.Key, edited.AsMemory(0, put.Value.Length), put.ExpiresAt) with
        {
            ReturnsOld = put.ReturnsOld,
        };
        AddSum(put.Value.Span.Slice(edit.PartStart, edit.PartBytes));
        return true;
    }

    private void AddSum(ReadOnlySpan<byte> sum)
    {
        if (sum.IsEmpty) return;
        if (_sums.Length < _sumBytes + sum.Length)
        {
            byte[] sums = ScratchArrays.Rent<byte>(2 * (_sumBytes + sum.Length));
            _sums.AsSpan(0, _sumBytes).CopyTo(sums);
            if (_sums.Length > 0) ScratchArrays.Return(_sums);
            _sums = sums;
        }
        sum.CopyTo(_sums.AsSpan(_sumBytes));
        _sumBytes += sum.Length;
    }

    /// <summary>Collects the changes, each at the position of the last write of its key.</summary>
    private void CollectChanges()
    {
        _largestGrowth = long.MinValue;
        for (int i = 0; i < _batch.Length; i++)
        {
            ref readonly PlannedKey key = ref _keys[_keyOf[i]];
            if (key.LastWrite != i) continue;
            HasChanges = true;

            // The batch itself added the entry and removed it again.
            if (key.Change == KeyChange.Delete && key.StoredVersion == 0) continue;
            switch (key.Change)
            {
                case KeyChange.Put:
                    AddWrite(_keyOf[i], RecordKind.Put, ResolvedAt(key.ValueOf).Value, key.ChangedExpiresAt, i);
                    break;
                case KeyChange.Expiry:
                    AddWrite(_keyOf[i], RecordKind.SetExpiry, default, key.ChangedExpiresAt, i);
                    break;
                default:
                    AddWrite(_keyOf[i], RecordKind.Delete, default, Operation.Never, i);
                    break;
            }
        }
        if (_commitBytes > LogRecord.PayloadBytesMax) Refuse(LargestIndex, ResultStatus.ValueTooLong, 0, "the batch exceeds 1 GiB");
    }

    private void AddWrite(int keyIndex, RecordKind kind, ReadOnlyMemory<byte> value, long expiresAt, int index)
    {
        ref readonly PlannedKey key = ref _keys[keyIndex];
        int valueBytes = kind == RecordKind.Put ? value.Length : key.StoredValueBytes;
        long bytes = kind == RecordKind.Delete ? 0 : _entries.ShardOf(key.Hash).EntryBytes(key.Name.Length, valueBytes, expiresAt);
        long growth = bytes - key.StoredBytes;
        if (growth > _largestGrowth) (_largestGrowth, LargestIndex) = (growth, index);
        GrowthBytes += growth;
        WrittenBytes += bytes;
        _writeKeys[_writeCount] = keyIndex;
        ref Change change = ref _writes[_writeCount++];
        (change.Kind, change.Key, change.Value, change.ExpiresAt) = (kind, key.Name, value, expiresAt);
        _commitBytes += change.AsRecord().Bytes;
    }

    /// <summary>An operation of the batch, or the put that an edit was converted to.</summary>
    private readonly ref readonly Operation ResolvedAt(int index) => ref _editedValues is null ? ref _batch[index] : ref _resolved[index];

    private void Refuse(int index, ResultStatus status, long version, string? detail = null) =>
        (RefusedIndex, _refusedStatus, _refusedVersion, _refusedDetail) = (index, status, version, detail);

    /// <summary>The value of a key after the operations so far; empty if it does not exist.</summary>
    private readonly ReadOnlySpan<byte> ValueOf(in PlannedKey key) =>
        key.Version == 0 ? default : key.ValueOf >= 0 ? ResolvedAt(key.ValueOf).Value.Span : key.StoredValue;

    /// <summary>Returns a reference to a part of that value, and keeps its text until the batch ends.</summary>
    private readonly PlannedText TextOf(int index, in PlannedKey key, int start, int length)
    {
        if (key.ValueOf < 0) return new(TextPlace.Stored, _keyOf[index], start, length);
        if (_isReferenced is not null) _isReferenced[key.ValueOf] = true;
        return new(TextPlace.Operation, key.ValueOf, start, length);
    }

    private readonly ReadOnlySpan<byte> TextAt(PlannedText text) => text.Place switch
    {
        TextPlace.Stored => _keys[text.At].StoredText(text.Start, text.Length),
        TextPlace.Operation => ResolvedAt(text.At).Value.Span.Slice(text.Start, text.Length),
        TextPlace.Sums => _sums.AsSpan(text.Start, text.Length),
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

    /// <summary>Releases an edited value that another value replaced, unless a result refers to it.</summary>
    private void ReleaseEditedValue(int operation)
    {
        if (_editedValues?[operation] is not { } editedValue || _isReferenced![operation]) return;
        ScratchArrays.Return(editedValue);
        _editedValues[operation] = null;
        _editedBytes -= ResolvedAt(operation).Value.Length;
    }

    private readonly void ReleaseEditedValues()
    {
        if (_editedValues is null) return;
        foreach (ref byte[]? editedValue in _editedValues.AsSpan(0, _batch.Length))
        {
            if (editedValue is not null) ScratchArrays.Return(editedValue);
            editedValue = null;
        }
    }
}
