using System.Buffers;
using System.Numerics;

namespace KestrelKv.Storage.Embedded;

/// <summary>
/// Plays an atomic batch through without touching the store: of each key that it has written so far, what its entry
/// would be. Under the locks of all its keys.
/// </summary>
/// <remarks>Works in rented memory, so that batches allocate nothing.</remarks>
internal ref struct BatchRehearsal : IDisposable
{
    private readonly ReadOnlySpan<Operation> _batch;
    private readonly ReadOnlySpan<ulong> _hashes;
    private readonly KeyState[] _states;
    private readonly int[] _buckets;
    private readonly bool[] _changes;
    private readonly int _mask;
    private int _count;

    public BatchRehearsal(ReadOnlySpan<Operation> batch, ReadOnlySpan<ulong> hashes)
    {
        _batch = batch;
        _hashes = hashes;
        _states = ArrayPool<KeyState>.Shared.Rent(batch.Length);
        _changes = ArrayPool<bool>.Shared.Rent(batch.Length);
        _mask = (int)BitOperations.RoundUpToPowerOf2((uint)batch.Length + 1) - 1;
        _buckets = ArrayPool<int>.Shared.Rent(_mask + 1);
    }

    /// <summary>The first operation whose precondition fails; -1 for none.</summary>
    public int RefusedIndex { get; private set; }

    /// <summary>The version of the entry that the precondition of <see cref="RefusedIndex"/> fails for.</summary>
    public long RefusedVersion { get; private set; }

    /// <summary>Whether any operation changes the store.</summary>
    public bool Changes { get; private set; }

    /// <summary>Which do, if none is refused.</summary>
    public readonly ReadOnlySpan<bool> Changing => _changes.AsSpan(0, _batch.Length);

    /// <summary>Whether a precondition was held against the version that the batch itself is to have.</summary>
    public bool PinsItsVersion { get; private set; }

    /// <summary>How many bytes more the entries take after the batch than before it.</summary>
    public long GrowthBytes { get; private set; }

    /// <summary>How many bytes those entries take that the batch writes.</summary>
    public long WrittenBytes { get; private set; }

    /// <summary>The operation that adds most to <see cref="GrowthBytes"/>.</summary>
    public int LargestIndex { get; private set; }

    public readonly void Dispose()
    {
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
        GrowthBytes = WrittenBytes = 0;
        _count = 0;
        long most = 0;
        Array.Clear(_buckets, 0, _mask + 1);
        for (int i = 0; i < _batch.Length; i++)
        {
            ref readonly Operation operation = ref _batch[i];
            Shard shard = shards[Shard.IndexOf(_hashes[i])];
            ref KeyState state = ref StateOf(i, out bool written);
            if (written) PinsItsVersion |= operation.Precondition.IsOnAVersion;
            else state.Take(shard.Find(operation.Key.Span, _hashes[i], out _), now);

            if (!operation.Precondition.Holds(state.Version))
            {
                RefusedIndex = i;
                RefusedVersion = state.Version;
                return;
            }
            _changes[i] = operation.Changes(exists: state.Version != 0);
            if (!_changes[i]) continue;

            Changes = true;
            if (operation.Kind == OperationKind.Put) state.ValueBytes = operation.Value.Length;
            long bytes = operation.Kind == OperationKind.Delete
                ? 0
                : shard.EntryBytes(operation.Key.Length, state.ValueBytes, operation.ExpiresAt);
            long growth = bytes - state.Bytes;
            GrowthBytes += growth;
            WrittenBytes += state.Written ? growth : bytes;
            if (growth > most) (most, LargestIndex) = (growth, i);
            state.Bytes = bytes;
            state.Written = true;

            // An expiry that has passed takes the entry away from the operations after it.
            bool gone = operation.Kind == OperationKind.Delete || (operation.ExpiresAt != Operation.Never && operation.ExpiresAt <= now);
            state.Version = gone ? 0 : next;
        }
    }

    /// <summary>What is known of an operation's key; one state for all operations on it.</summary>
    private ref KeyState StateOf(int operation, out bool written)
    {
        ref int bucket = ref _buckets[(int)(_hashes[operation] >> 32) & _mask];
        for (int i = bucket - 1; i >= 0; i = _states[i].NextInBucket - 1)
        {
            if (!_batch[_states[i].Operation].Key.Span.SequenceEqual(_batch[operation].Key.Span)) continue;
            written = _states[i].Written;
            return ref _states[i];
        }

        written = false;
        _states[_count] = new KeyState { Operation = operation, NextInBucket = bucket };
        bucket = ++_count;
        return ref _states[_count - 1];
    }

    private struct KeyState
    {
        /// <summary>The first operation on the key.</summary>
        public int Operation;

        /// <summary>Counted from 1; 0 for the last one.</summary>
        public int NextInBucket;

        public bool Written;
        public long Version;
        public int ValueBytes;

        /// <summary>Of the entry, be it visible or not; 0 where there is none.</summary>
        public long Bytes;

        public void Take(Entry entry, long now)
        {
            if (!entry.Exists) return;
            Version = entry.IsExpired(now) ? 0 : entry.Version;
            ValueBytes = entry.Value.Length;
            Bytes = Shard.EntryBytes(entry);
        }
    }
}
