namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>A call of the store's contract on its way through a group.</summary>
/// <remarks>
/// A call is queued, adds its keys to a group, runs, then waits for the group's commit. Its owner may reuse the memory of the operations
/// when <see cref="Completion"/> completes. A cancellation therefore completes the call at once, except while that memory is in use.
/// </remarks>
internal abstract class StoreCall : IDisposable
{
    private readonly TaskCompletionSource<int> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationToken _cancellation;
    private readonly CancellationTokenRegistration _registration;
    private readonly Lock _lock = new();
    private State _state;
    private volatile bool _isCancellationRequested;

    protected StoreCall(CancellationToken cancellation)
    {
        _cancellation = cancellation;
        if (cancellation.CanBeCanceled) _registration = cancellation.UnsafeRegister(static call => ((StoreCall)call!).OnCanceled(), this);
    }

    private enum State
    {
        /// <summary>The call is queued, or waits for the database.</summary>
        Idle,

        /// <summary>The memory of the operations is in use.</summary>
        InUse,

        Ended,
    }

    public Task<int> Completion => _completion.Task;

    /// <summary>When the call was queued, as in <see cref="Environment.TickCount64"/>.</summary>
    public long QueuedAt { get; } = Environment.TickCount64;

    /// <summary>The queue of the call; null before it is queued.</summary>
    public CallQueue? Queue { get; set; }

    /// <summary>The place in the queue, protected by its lock.</summary>
    public LinkedListNode<StoreCall>? Place { get; set; }

    public bool HasEnded
    {
        get
        {
            lock (_lock) return _state == State.Ended;
        }
    }

    /// <summary>The number of operations.</summary>
    public abstract int Operations { get; }

    /// <summary>The size of its keys and values, in bytes.</summary>
    public virtual long Bytes => 0;

    protected int Result { get; set; }

    /// <summary>The exception of the caller's sink, or of an invalid call. The changes are committed nevertheless.</summary>
    protected Exception? Failure { get; set; }

    /// <summary>Whether the call has the first keys of its group. Their values are loaded up to the limit of a call.</summary>
    protected bool IsFirst { get; private set; }

    /// <summary>Whether the call may be executed in several trips, some of its operations in each.</summary>
    protected virtual bool IsDivisible => false;

    /// <summary>Adds the keys whose entries the call needs. Returns false if the call has ended.</summary>
    public bool TryAddKeys(GroupKeys keys)
    {
        if (!TryEnter()) return false;
        IsFirst = keys.Count == 0;
        AddKeys(keys);
        if (IsFirst && !IsDivisible) keys.Required = keys.Count;
        Leave();
        return true;
    }

    /// <summary>
    /// Runs the call on the entries of the workspace, and passes its results to its sink. Returns false if the workspace lacks values that
    /// the call needs: then the rest of the call is executed in the next trip.
    /// </summary>
    public async ValueTask<bool> TryRunAsync(Workspace workspace)
    {
        if (!TryEnter()) return true;
        bool isFinished = await EvaluateAsync(workspace);
        Leave();
        return isFinished;
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

    protected abstract void AddKeys(GroupKeys keys);

    /// <inheritdoc cref="TryRunAsync"/>
    protected abstract ValueTask<bool> EvaluateAsync(Workspace workspace);

    private bool TryEnter()
    {
        lock (_lock)
        {
            if (_state != State.Idle) return false;
            _state = State.InUse;
            return true;
        }
    }

    private void Leave()
    {
        lock (_lock) _state = State.Idle;
        if (_isCancellationRequested) Cancel();
    }

    private void OnCanceled()
    {
        _isCancellationRequested = true;
        Cancel();

        // A queue does not hold canceled calls while a group is stuck.
        Queue?.Remove(this);
    }

    /// <summary>Ends the call, unless the memory of its operations is in use.</summary>
    private void Cancel()
    {
        lock (_lock)
        {
            if (_state != State.Idle) return;
            _state = State.Ended;
        }
        _completion.TrySetCanceled(_cancellation);
    }
}
