using System.Buffers;
using System.Numerics;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>The arrays of a <see cref="BatchPlan"/>. Each thread reuses its last object, unless it is for a long batch.</summary>
internal sealed class PlanArrays
{
    /// <summary>The maximum length of a batch whose arrays, about 30 KiB, are kept for the next batch of the thread.</summary>
    private const int IdleOperationsMax = 63;

    [ThreadStatic]
    private static PlanArrays? idle;

    private readonly bool _isPooled;

    private PlanArrays(int operations, bool isPooled)
    {
        _isPooled = isPooled;
        Keys = Rent<PlannedKey>(operations + 1);
        KeyOf = Rent<int>(operations);
        Buckets = Rent<int>(BucketCount(operations));
        Results = Rent<PlannedResult>(operations);
        Resolved = Rent<Operation>(operations);
        Writes = Rent<Change>(operations + 1);
        WriteKeys = Rent<int>(operations + 1);
    }

    /// <summary>The keys, and that of the idempotency record behind them. Must be cleared before the return.</summary>
    public PlannedKey[] Keys { get; }

    /// <summary>The index of the key, by operation.</summary>
    public int[] KeyOf { get; }

    /// <summary>The hash table of the keys: a power of two of indexes, counted from 1.</summary>
    public int[] Buckets { get; }

    public PlannedResult[] Results { get; }

    /// <summary>The operations, with edits converted to puts. Must be cleared before the return.</summary>
    public Operation[] Resolved { get; }

    /// <summary>The changes. Must be cleared before the return.</summary>
    public Change[] Writes { get; }

    /// <summary>The index of the key, by change.</summary>
    public int[] WriteKeys { get; }

    /// <summary>The number of buckets that a batch uses: a power of two.</summary>
    public static int BucketCount(int operations) => (int)BitOperations.RoundUpToPowerOf2((uint)operations + 1);

    /// <summary>Returns arrays for a batch with a number of operations, and for its idempotency record.</summary>
    public static PlanArrays Rent(int operations)
    {
        if (operations > IdleOperationsMax) return new(operations, isPooled: true);
        PlanArrays arrays = idle ?? new(IdleOperationsMax, isPooled: false);
        idle = null;
        return arrays;
    }

    public void Return()
    {
        if (!_isPooled)
        {
            idle = this;
            return;
        }
        ArrayPool<PlannedKey>.Shared.Return(Keys);
        ArrayPool<int>.Shared.Return(KeyOf);
        ArrayPool<int>.Shared.Return(Buckets);
        ArrayPool<PlannedResult>.Shared.Return(Results);
        ArrayPool<Operation>.Shared.Return(Resolved);
        ArrayPool<Change>.Shared.Return(Writes);
        ArrayPool<int>.Shared.Return(WriteKeys);
    }

    private T[] Rent<T>(int length) => _isPooled ? ArrayPool<T>.Shared.Rent(length) : new T[length];
}
