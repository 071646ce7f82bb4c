namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>The calls that wait for the next group. One loop takes them. Thread-safe.</summary>
internal sealed class CallQueue
{
    /// <summary>The maximum number of operations of a group, unless a single call has more.</summary>
    public const int GroupOperationsMax = 1_000;

    /// <summary>The maximum size of the keys and values of a group, unless a single call has more: 8 MiB.</summary>
    public const long GroupBytesMax = 8 * 1024 * 1024;

    private readonly Lock _lock = new();
    private readonly LinkedList<StoreCall> _calls = new();
    private TaskCompletionSource? _wake;
    private bool _isClosed;

    /// <summary>The number of queued calls.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _calls.Count;
        }
    }

    /// <exception cref="ObjectDisposedException">The store is closed.</exception>
    public void Add(StoreCall call)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(PostgresStore));
            call.Queue = this;
            call.Place = _calls.AddLast(call);
            _wake?.TrySetResult();
        }

        // A cancellation before this did not find the queue.
        if (call.HasEnded) Remove(call);
    }

    /// <summary>Removes a call if it is still queued.</summary>
    public void Remove(StoreCall call)
    {
        lock (_lock)
            if (call.Place is { List: not null } place) _calls.Remove(place);
    }

    /// <summary>Waits for calls, and takes those of one group. Returns null when the queue is closed and empty.</summary>
    public async ValueTask<List<StoreCall>?> TakeAsync()
    {
        while (true)
        {
            Task wait;
            lock (_lock)
            {
                List<StoreCall> group = TakeGroup();
                if (group.Count > 0) return group;
                if (_isClosed) return null;
                _wake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                wait = _wake.Task;
            }
            await wait;
        }
    }

    /// <summary>Ends the calls that were queued before a time, while an earlier group is stuck.</summary>
    public void FailLate(long queuedBefore)
    {
        lock (_lock)
        {
            while (_calls.First?.Value is { } call && call.QueuedAt <= queuedBefore)
            {
                _calls.RemoveFirst();
                call.Fail(new StoreUnavailableException("The database does not answer; the request was not executed."));
            }
        }
    }

    public void Close()
    {
        lock (_lock)
        {
            _isClosed = true;
            _wake?.TrySetResult();
        }
    }

    private List<StoreCall> TakeGroup()
    {
        List<StoreCall> group = [];
        long operations = 0, bytes = 0;
        while (_calls.First?.Value is { } call)
        {
            bool fits = operations + call.Operations <= GroupOperationsMax && bytes + call.Bytes <= GroupBytesMax;
            if (group.Count > 0 && !fits) break;
            _calls.RemoveFirst();
            group.Add(call);
            operations += call.Operations;
            bytes += call.Bytes;
        }
        return group;
    }
}
