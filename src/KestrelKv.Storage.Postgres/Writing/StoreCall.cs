namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>A call of the store's contract on its way through a group.</summary>
/// <remarks>
/// A call is queued, then runs, then waits for the group's commit. Its owner may reuse the memory of the operations when
/// <see cref="Completion"/> completes. A cancellation therefore completes it while it is queued or waits, but not while it runs.
/// </remarks>
internal abstract class StoreCall : IDisposable
{
    private readonly TaskCompletionSource<int> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationToken _cancellation;
    private readonly CancellationTokenRegistration _registration;
    private readonly Lock _lock = new();
    private State _state;
    private bool _isCancellationRequested;

    protected StoreCall(CancellationToken cancellation)
    {
        _cancellation = cancellation;
        if (cancellation.CanBeCanceled) _registration = cancellation.UnsafeRegister(static call => ((StoreCall)call!).OnCanceled(), this);
    }

    private enum State
    {
        Queued,
        Running,
        Waiting,
        Ended,
    }

    public Task<int> Completion => _completion.Task;

    /// <summary>When the call was queued, as in <see cref="Environment.TickCount64"/>.</summary>
    public long QueuedAt { get; } = Environment.TickCount64;

    /// <summary>The number of operations.</summary>
    public abstract int Operations { get; }

    /// <summary>The size of its keys and values, in bytes.</summary>
    public virtual long Bytes => 0;

    protected int Result { get; set; }

    /// <summary>The exception of the caller's sink, or of an invalid call. The changes are committed nevertheless.</summary>
    protected Exception? Failure { get; set; }

    /// <summary>Adds the keys whose entries the call needs.</summary>
    public abstract void AddKeys(GroupKeys keys);

    /// <summary>Runs the call on the entries of the workspace, and passes its results to its sink.</summary>
    public abstract ValueTask EvaluateAsync(Workspace workspace);

    /// <summary>Removes the call from the queue. Returns false if it has ended there.</summary>
    public bool TryStart()
    {
        lock (_lock)
        {
            if (_state != State.Queued) return false;
            _state = State.Running;
            return true;
        }
    }

    /// <summary>Ends the call if it is still queued.</summary>
    public void FailQueued(Exception failure)
    {
        lock (_lock)
        {
            if (_state != State.Queued) return;
            _state = State.Ended;
        }
        _completion.TrySetException(failure);
    }

    /// <summary>Marks the call as evaluated: its operations are no longer used.</summary>
    public void Wait()
    {
        lock (_lock)
        {
            _state = State.Waiting;
            if (!_isCancellationRequested) return;
            _state = State.Ended;
        }
        _completion.TrySetCanceled(_cancellation);
    }

    public void Complete()
    {
        lock (_lock) _state = State.Ended;
        if (Failure is not null) _completion.TrySetException(Failure);
        else _completion.TrySetResult(Result);
    }

    public void Fail(Exception failure)
    {
        lock (_lock) _state = State.Ended;
        _completion.TrySetException(failure);
    }

    public void Dispose() => _registration.Dispose();

    private void OnCanceled()
    {
        lock (_lock)
        {
            _isCancellationRequested = true;
            if (_state is State.Running or State.Ended) return;
            _state = State.Ended;
        }
        _completion.TrySetCanceled(_cancellation);
    }
}

/// <summary>A call of <see cref="IKeyValueStore.ExecuteAsync"/> or, as an atomic batch, of <see cref="IKeyValueStore.CommitAsync"/>.</summary>
internal sealed class OperationsCall(
    ReadOnlyMemory<Operation> operations, IResultSink results, bool isAtomic, RequestId requestId, CancellationToken cancellation)
    : StoreCall(cancellation)
{
    /// <inheritdoc/>
    public override int Operations => operations.Length;

    /// <inheritdoc/>
    public override long Bytes { get; } = BytesOf(operations.Span);

    /// <summary>Whether the results must be fenced.</summary>
    public bool IsFenced { get; } = !AcknowledgesFromMemory(operations.Span);

    /// <summary>Whether the call can change the database. A read that extends an expiry does.</summary>
    public bool IsWrite { get; } = HasWrites(operations.Span);

    /// <summary>The longest key, in bytes.</summary>
    public int KeyBytesMax { get; } = LongestKey(operations.Span);

    /// <inheritdoc/>
    public override void AddKeys(GroupKeys keys)
    {
        keys.Add(operations.Span);
        if (!requestId.IsEmpty) keys.AddRequest(requestId);
    }

    /// <inheritdoc/>
    public override async ValueTask EvaluateAsync(Workspace workspace)
    {
        try
        {
            Result = isAtomic
                ? await workspace.Engine.CommitAsync(operations, results, requestId) ? 1 : 0
                : await workspace.Engine.ExecuteAsync(operations, results);
        }
        catch (Exception e)
        {
            // An exception of the caller's sink or of the evaluation concerns this call alone.
            Failure = e;
        }
    }

    private static long BytesOf(ReadOnlySpan<Operation> operations)
    {
        long bytes = 0;
        foreach (ref readonly Operation operation in operations) bytes += operation.Key.Length + operation.Value.Length;
        return bytes;
    }

    private static bool HasWrites(ReadOnlySpan<Operation> operations)
    {
        foreach (ref readonly Operation operation in operations)
            if (operation.IsWrite || operation.ExpiresAt != Operation.Never) return true;
        return false;
    }

    private static bool AcknowledgesFromMemory(ReadOnlySpan<Operation> operations)
    {
        foreach (ref readonly Operation operation in operations)
            if (!operation.AcknowledgeFromMemory) return false;
        return true;
    }

    private static int LongestKey(ReadOnlySpan<Operation> operations)
    {
        int bytes = 0;
        foreach (ref readonly Operation operation in operations) bytes = Math.Max(bytes, operation.Key.Length);
        return bytes;
    }
}

/// <summary>The removal of expired entries.</summary>
internal sealed class SweepCall() : StoreCall(CancellationToken.None)
{
    /// <summary>The maximum number of entries that one sweep removes.</summary>
    public const int EntriesMax = 1_000;

    /// <inheritdoc/>
    public override int Operations => 0;

    /// <inheritdoc/>
    public override void AddKeys(GroupKeys keys)
    {
    }

    /// <inheritdoc/>
    public override ValueTask EvaluateAsync(Workspace workspace)
    {
        long before = workspace.Log.Last;
        workspace.RemoveExpired();
        Result = (int)(workspace.Log.Last - before);
        return default;
    }
}
