namespace KestrelKv.Storage.Embedded;

/// <summary>The outcome of an attempt to execute an operation or a batch.</summary>
internal enum Outcome
{
    /// <summary>The sink has the result.</summary>
    Done,

    /// <summary>The sink has the result and stopped the call.</summary>
    Stop,

    /// <summary>The operation needs memory to be freed first. Nothing has changed.</summary>
    NeedsMemory,

    /// <summary>The operation needs space in the log. Nothing has changed.</summary>
    NeedsLog,

    /// <summary>The operation takes too long for a lock. Nothing has changed.</summary>
    NeedsLongWork,

    /// <summary>An entry changed since it was copied. Nothing has changed in this attempt.</summary>
    Conflict,
}

/// <summary>The state of one operation, and of the call that it belongs to.</summary>
internal ref struct OperationContext(ReadOnlySpan<Operation> operations, IResultSink results)
{
    private readonly ReadOnlySpan<Operation> _operations = operations;
    private readonly IResultSink _results = results;

    /// <summary>The highest version that the results of the call depend on.</summary>
    public long ObservedVersion;

    public int Index;

    public ulong Hash;
    public Shard Shard = null!;

    /// <summary>The key's entry; none if it has expired.</summary>
    public Entry Entry;

    /// <summary>The key's entry, even if it has expired and the log refused to remove it.</summary>
    public Entry Stored;

    public int Slot;

    /// <summary>The version of the last commit that may have changed the key.</summary>
    public long LastChange;

    /// <summary>The memory reserved for the operation, in bytes.</summary>
    public long ReservedBytes;

    /// <summary>The memory or log space that the operation needs, in bytes; see <see cref="Outcome"/>.</summary>
    public long NeededBytes;

    public readonly ref readonly Operation Operation => ref _operations[Index];

    /// <summary>The operation, as an atomic batch.</summary>
    public readonly ReadOnlySpan<Operation> OperationAsBatch => _operations.Slice(Index, 1);

    /// <summary>The sink, for the operation as an atomic batch.</summary>
    public readonly BatchResults AsBatchResults => new(_results, Index);

    /// <summary>Passes the result of the operation to the sink.</summary>
    public readonly Outcome PassResult(in OperationResult result) => _results.OnResult(Index, result) ? Outcome.Done : Outcome.Stop;

    public Outcome Needs(Outcome what, long bytes)
    {
        NeededBytes = bytes;
        return what;
    }
}
