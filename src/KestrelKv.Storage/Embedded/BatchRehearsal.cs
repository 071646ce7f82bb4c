using System.Buffers;
using System.Numerics;
using KestrelKv.Json;
using KestrelKv.Storage.Durability;

namespace KestrelKv.Storage.Embedded;

/// <summary>
/// Plays an atomic batch through without touching the store: of each key that it has written so far, what its entry
/// would be. Under the locks of all its keys.
/// </summary>
/// <remarks>
/// Works in rented memory, so that batches allocate nothing, but for those that are remembered. Of such a batch the last
/// operation is the put of what is remembered, whose value is made here.
/// </remarks>
internal ref struct BatchRehearsal : IDisposable
{
    /// <summary>What the edits of a batch, and what is remembered of it, may take together: 256 MiB.</summary>
    private const long MadeBytesMax = 256 * 1024 * 1024;

    private readonly DocumentLimits _limits;
    private readonly Operation[] _operations;
    private readonly EditResult[] _edits;
    private readonly KeyState[] _states;
    private readonly int[] _buckets;
    private readonly bool[] _changes;
    private readonly int _mask;
    private readonly List<byte[]>? _made;
    private readonly RememberedResults? _remembered;
    private OperationResult _refusal;
    private long _madeBytes;
    private long _patchedBytes;
    private long _readBytes;
    private long _recordBytes;
    private int _count;

    /// <param name="batch">The operations, that of what is remembered included.</param>
    /// <param name="hashes">Those of their keys.</param>
    /// <param name="isRemembered">Whether it has such an operation.</param>
    /// <param name="limits">What values may become.</param>
    public BatchRehearsal(ReadOnlySpan<Operation> batch, ReadOnlySpan<ulong> hashes, bool isRemembered, DocumentLimits limits)
    {
        Batch = batch;
        Hashes = hashes;
        _limits = limits;
        _operations = ArrayPool<Operation>.Shared.Rent(batch.Length);
        _edits = ArrayPool<EditResult>.Shared.Rent(batch.Length);
        _states = ArrayPool<KeyState>.Shared.Rent(batch.Length);
        _changes = ArrayPool<bool>.Shared.Rent(batch.Length);
        _mask = (int)BitOperations.RoundUpToPowerOf2((uint)batch.Length + 1) - 1;
        _buckets = ArrayPool<int>.Shared.Rent(_mask + 1);
        AcknowledgesFromMemory = !batch.IsEmpty;
        foreach (ref readonly Operation operation in isRemembered ? batch[..^1] : batch)
        {
            AcknowledgesFromMemory &= operation.AcknowledgeFromMemory;
            if (operation.IsEdit) _made ??= [];
        }
        if (isRemembered) _remembered = new RememberedResults(batch[..^1]);
    }

    /// <summary>The operations as they came.</summary>
    public ReadOnlySpan<Operation> Batch { get; }

    /// <summary>The hashes of their keys.</summary>
    public ReadOnlySpan<ulong> Hashes { get; }

    /// <summary>Whether its results are to be told again to who sends it again.</summary>
    public readonly bool IsRemembered => _remembered is not null;

    /// <summary>Whether its results may be told before they are on disk.</summary>
    public bool AcknowledgesFromMemory { get; }

    /// <summary>What distinguishes it from other batches.</summary>
    public readonly uint Digest => _remembered!.Digest;

    /// <summary>What is remembered of its results.</summary>
    public readonly ReadOnlySpan<byte> Remembered => _remembered!.Bytes.Span;

    /// <summary>The first operation that can't be done; -1 for none.</summary>
    public int RefusedIndex { get; private set; }

    /// <summary>Whether there is one.</summary>
    public readonly bool IsRefused => RefusedIndex >= 0;

    /// <summary>Its result.</summary>
    public readonly OperationResult Refusal => _refusal;

    /// <summary>Whether any operation changes the store.</summary>
    public bool Changes { get; private set; }

    /// <summary>Which do.</summary>
    public readonly ReadOnlySpan<bool> Changing => _changes.AsSpan(0, Batch.Length);

    /// <summary>What is to be carried out: edits have become puts.</summary>
    public readonly ReadOnlySpan<Operation> Operations => _operations.AsSpan(0, Batch.Length);

    /// <summary>Whether a precondition was held against the version that the batch itself is to have.</summary>
    public bool PinsItsVersion { get; private set; }

    /// <summary>How many bytes more the entries take after the batch than before it.</summary>
    public long GrowthBytes { get; private set; }

    /// <summary>How many bytes those entries take that the batch writes.</summary>
    public long WrittenBytes { get; private set; }

    /// <summary>The operation that adds most to <see cref="GrowthBytes"/>.</summary>
    public int LargestIndex { get; private set; }

    /// <summary>What its commit takes in the log.</summary>
    public readonly long LogBytes => Frame.BytesFor((int)_recordBytes);

    /// <summary>How an edit ended; nothing of other operations.</summary>
    public readonly EditResult EditOf(int operation) => _edits[operation];

    public readonly void Dispose()
    {
        ReturnMade();
        Array.Clear(_operations, 0, Batch.Length);
        Array.Clear(_edits, 0, Batch.Length);
        ArrayPool<Operation>.Shared.Return(_operations);
        ArrayPool<EditResult>.Shared.Return(_edits);
        ArrayPool<KeyState>.Shared.Return(_states);
        ArrayPool<int>.Shared.Return(_buckets);
        ArrayPool<bool>.Shared.Return(_changes);
    }

    /// <summary>Plays it, from the beginning.</summary>
    /// <param name="shards">The store's.</param>
    /// <param name="now">What has expired by then is not there.</param>
    /// <param name="next">The version that the batch is to have.</param>
    public void Play(Shard[] shards, long now, long next)
    {
        RefusedIndex = -1;
        Changes = PinsItsVersion = false;
        GrowthBytes = WrittenBytes = _madeBytes = _patchedBytes = _readBytes = _recordBytes = 0;
        _count = 0;
        ReturnMade();
        _remembered?.Clear();
        Array.Clear(_buckets, 0, _mask + 1);
        Batch.CopyTo(_operations);
        Array.Clear(_edits, 0, Batch.Length);
        Array.Clear(_changes, 0, Batch.Length);
        long most = 0;
        for (int i = 0; i < (IsRemembered ? Batch.Length - 1 : Batch.Length) && !IsRefused; i++) Play(i, shards, now, next, ref most);
        if (_recordBytes > Frame.PayloadBytesMax) Refuse(LargestIndex, ResultStatus.ValueTooLong, 0, "the batch comes to more than 1 GiB");
    }

    private void Play(int index, Shard[] shards, long now, long next, ref long most)
    {
        ref readonly Operation operation = ref Batch[index];
        Shard shard = shards[Shard.IndexOf(Hashes[index])];
        ref KeyState state = ref StateOf(index, out bool written);
        if (written) PinsItsVersion |= operation.Precondition.IsOnAVersion;
        else state.Take(shard.Find(operation.Key.Span, Hashes[index], out _), now);

        if (!operation.Precondition.Holds(state.Version))
        {
            // Not what the batch itself has made of it, which nobody will ever see.
            Refuse(index, ResultStatus.PreconditionFailed, state.StoredVersion);
            return;
        }
        // Before anything is done: once it is, it has to be told.
        if (!operation.IsWrite || operation.ReturnsOld) _readBytes += ValueOf(state).Length;
        if (_readBytes > _limits.ReadBytesMax)
        {
            Refuse(index, ResultStatus.ValueTooLong, state.Version,
                $"the values to read come to more than {_limits.ReadBytesMax} bytes, expected fewer of them in one request (Limits:ReadBytesMax)");
            return;
        }
        if (operation.IsEdit && !TryResolve(index, state)) return;

        _changes[index] = operation.Changes(exists: state.Version != 0);
        if (_remembered is not null && !TryRemember(index, ResultOf(index, state, next), next)) return;
        if (!_changes[index]) return;

        ref readonly Operation write = ref _operations[index];
        Changes = true;
        _recordBytes += Record.Of(write).Bytes;
        if (write.Kind == OperationKind.Put) state.Put = index;
        state.ValueBytes = write.Kind == OperationKind.Put ? write.Value.Length : state.ValueBytes;
        long bytes = write.Kind == OperationKind.Delete ? 0 : shard.EntryBytes(write.Key.Length, state.ValueBytes, write.ExpiresAt);
        CountWrite(index, bytes, bytes - state.Bytes, state.Written, ref most);
        state.Bytes = bytes;
        state.Written = true;

        // An expiry that has passed takes the entry away from the operations after it.
        bool gone = write.Kind == OperationKind.Delete || (write.ExpiresAt != Operation.Never && write.ExpiresAt <= now);
        state.Version = gone ? 0 : next;
        state.ExpiresAt = gone ? Operation.Never : write.ExpiresAt;
    }

    /// <summary>Makes the put of what is remembered, as the last operation; where the batch is refused, as the only one.</summary>
    /// <param name="shards">The store's.</param>
    /// <param name="expiresAt">Until when it is remembered.</param>
    public void Remember(Shard[] shards, long expiresAt)
    {
        int last = Batch.Length - 1;
        long recordBytes = Record.BytesAround + Batch[last].Key.Length + _remembered!.Bytes.Length;
        if (!IsRefused && _recordBytes + recordBytes > Frame.PayloadBytesMax)
            Refuse(LargestIndex, ResultStatus.ValueTooLong, 0, "the batch, with what is to be remembered of it, comes to more than 1 GiB");
        if (IsRefused)
        {
            Array.Clear(_changes, 0, last);
            GrowthBytes = WrittenBytes = _recordBytes = 0;
            _remembered!.SetRefusal(RefusedIndex, _refusal);
        }
        Operation put = _operations[last] = Operation.Put(Batch[last].Key, _remembered!.Bytes, expiresAt);
        Shard shard = shards[Shard.IndexOf(Hashes[last])];
        Entry entry = shard.Find(put.Key.Span, Hashes[last], out _);
        long bytes = shard.EntryBytes(put.Key.Length, put.Value.Length, expiresAt);
        long most = long.MaxValue;
        CountWrite(last, bytes, bytes - (entry.Exists ? Shard.EntryBytes(entry) : 0), writtenBefore: false, ref most);
        _recordBytes += Record.Of(put).Bytes;
        _changes[last] = Changes = true;
    }

    private void CountWrite(int index, long bytes, long growth, bool writtenBefore, ref long most)
    {
        GrowthBytes += growth;
        WrittenBytes += writtenBefore ? growth : bytes;
        if (growth > most) (most, LargestIndex) = (growth, index);
    }

    /// <summary>
    /// Adds a result to what is remembered. False where that becomes too much: here and not in the end, as a thousand reads of a
    /// long value come to more than there is memory for.
    /// </summary>
    private bool TryRemember(int index, in OperationResult result, long next)
    {
        if (_madeBytes + _remembered!.Bytes.Length + result.Value.Length + result.OldValue.Length > MadeBytesMax)
        {
            Refuse(index, ResultStatus.ValueTooLong, 0, "what is to be remembered of the results comes to more than 256 MiB");
            return false;
        }
        _remembered.Add(index, result, next);
        return true;
    }

    /// <summary>Makes an edit a put, in memory of its own. False where it can't be done.</summary>
    private bool TryResolve(int index, in KeyState state)
    {
        EditResult edit = EditedPut.OfThread.Resolve(
            Batch[index], exists: state.Version != 0, ValueOf(state), state.ExpiresAt, _limits, out Operation put);
        if (edit.Status == EditStatus.Done && (_madeBytes += put.Value.Length) > MadeBytesMax)
            edit = new(EditStatus.ValueTooLong, "the values that the batch edits come to more than 256 MiB");
        if ((_patchedBytes += edit.PatchedBytes) > EditResult.PatchedBytesMax)
            edit = new(EditStatus.PatchTooLong, "the operations of all patches of the batch go over more than 256 MiB of values");
        if (edit.Status != EditStatus.Done)
        {
            Refuse(index, edit.Status.ToResult(), state.Version, edit.Detail);
            return false;
        }
        byte[] made = ArrayPool<byte>.Shared.Rent(put.Value.Length);
        _made!.Add(made);
        put.Value.CopyTo(made);
        _operations[index] = Operation.Put(put.Key, made.AsMemory(0, put.Value.Length), put.ExpiresAt) with { ReturnsOld = put.ReturnsOld };
        _edits[index] = edit;
        return true;
    }

    /// <summary>What the operation will tell, before its effects are in the state.</summary>
    private readonly OperationResult ResultOf(int index, in KeyState state, long next)
    {
        ref readonly Operation operation = ref _operations[index];
        if (!_changes[index])
            return operation.IsWrite || state.Version == 0
                ? new() { Status = ResultStatus.NotFound }
                : EmbeddedStore.Read(operation, state.Version, state.ExpiresAt, ValueOf(state));

        EditResult edit = _edits[index];
        return new()
        {
            Version = next,
            PreviousVersion = state.Version,
            ExpiresAt = operation.ExpiresAt,
            Value = operation.Value.Span.Slice(edit.PartStart, edit.PartBytes),
            OldValue = operation.ReturnsOld ? ValueOf(state) : default,
        };
    }

    /// <summary>The value of a key's entry by now; empty where there is none.</summary>
    private readonly ReadOnlySpan<byte> ValueOf(in KeyState state) =>
        state.Version == 0 ? default : state.Put >= 0 ? _operations[state.Put].Value.Span : state.Entry.Value;

    private void Refuse(int index, ResultStatus status, long version, string? detail = null)
    {
        RefusedIndex = index;
        _refusal = new() { Status = status, Version = version, PreviousVersion = version, Detail = detail };
    }

    private readonly void ReturnMade()
    {
        if (_made is null) return;
        foreach (byte[] made in _made) ArrayPool<byte>.Shared.Return(made);
        _made.Clear();
    }

    /// <summary>What is known of an operation's key; one state for all operations on it.</summary>
    private ref KeyState StateOf(int operation, out bool written)
    {
        ref int bucket = ref _buckets[(int)(Hashes[operation] >> 32) & _mask];
        for (int i = bucket - 1; i >= 0; i = _states[i].NextInBucket - 1)
        {
            if (!Batch[_states[i].Operation].Key.Span.SequenceEqual(Batch[operation].Key.Span)) continue;
            written = _states[i].Written;
            return ref _states[i];
        }

        written = false;
        _states[_count] = new KeyState { Operation = operation, NextInBucket = bucket, Put = -1 };
        bucket = ++_count;
        return ref _states[_count - 1];
    }

    private struct KeyState
    {
        /// <summary>The first operation on the key.</summary>
        public int Operation;

        /// <summary>Counted from 1; 0 for the last one.</summary>
        public int NextInBucket;

        /// <summary>The last put of the batch; -1 for none.</summary>
        public int Put;

        public bool Written;

        /// <summary>Of the entry as it would be by now, if it is visible; 0 where there is none.</summary>
        public long Version;

        /// <summary>The same before the batch.</summary>
        public long StoredVersion;
        public long ExpiresAt;
        public int ValueBytes;

        /// <summary>Of the entry, be it visible or not; 0 where there is none.</summary>
        public long Bytes;

        /// <summary>As it is in the store.</summary>
        public Entry Entry;

        public void Take(Entry entry, long now)
        {
            Entry = entry;
            if (!entry.Exists) return;
            Version = StoredVersion = entry.IsExpired(now) ? 0 : entry.Version;
            ExpiresAt = Version == 0 ? Storage.Operation.Never : entry.ExpiresAt;
            ValueBytes = entry.Value.Length;
            Bytes = Shard.EntryBytes(entry);
        }
    }
}
