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
