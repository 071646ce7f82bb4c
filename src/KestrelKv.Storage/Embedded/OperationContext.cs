namespace KestrelKv.Storage.Embedded;

/// <summary>How far the store has come with an operation or a batch.</summary>
internal enum Outcome
{
    /// <summary>The sink has its result.</summary>
    Done,

    /// <summary>The sink has its result and asks to stop.</summary>
    Stop,

    /// <summary>It needs memory to be freed; nothing has changed.</summary>
    NeedsMemory,

    /// <summary>It needs room in the log; nothing has changed.</summary>
    NeedsLog,

    /// <summary>It takes too long to be executed under a lock; nothing has changed.</summary>
    NeedsTime,

    /// <summary>An entry has changed since it was copied to be worked on; nothing has changed.</summary>
    Conflict,
}

/// <summary>One operation on its way through the store, and what one call has shown so far.</summary>
internal ref struct OperationContext(ReadOnlySpan<Operation> operations, IResultSink results)
{
    private readonly ReadOnlySpan<Operation> _operations = operations;
    private readonly IResultSink _results = results;

    /// <summary>The highest version that the results of the call depend on.</summary>
    public long Seen;

    /// <summary>The operation's place in the call.</summary>
    public int Index;

    public ulong Hash;
    public Shard Shard = null!;

    /// <summary>The key's entry; none if it has expired.</summary>
    public Entry Entry;

    /// <summary>The key's entry, even if it has expired and the log refused its removal.</summary>
    public Entry Stored;

    /// <summary>The slot of <see cref="Stored"/> in the index.</summary>
    public int Slot;

    /// <summary>The version of the last commit that changed the key, or may have.</summary>
    public long LastChange;

    /// <summary>Bytes of memory that are reserved for the operation.</summary>
    public long ReservedBytes;

    /// <summary>Bytes of memory or of log that the operation needs; see <see cref="Outcome"/>.</summary>
    public long NeededBytes;

    public readonly ref readonly Operation Operation => ref _operations[Index];

    /// <summary>Passes the result of the operation to the sink.</summary>
    public readonly Outcome Give(in OperationResult result) => _results.OnResult(Index, result) ? Outcome.Done : Outcome.Stop;

    public Outcome Needs(Outcome what, long bytes)
    {
        NeededBytes = bytes;
        return what;
    }
}
