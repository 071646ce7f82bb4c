namespace KestrelKv.Protocol;

/// <summary>A number of bytes that many connections share. Safe for use by many threads.</summary>
/// <remarks>
/// Callers that wait are served in the order in which they came. A caller must hold nothing of the budget while it waits for
/// more of it, so no two callers can wait for each other.
/// </remarks>
/// <param name="bytesMax">The size of the budget.</param>
/// <param name="time">The clock that waits go by.</param>
public sealed class ByteBudget(long bytesMax, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Wait> _waits = [];
    private long _taken;
    private long _peak;

    /// <summary>The size of the budget.</summary>
    public long BytesMax => bytesMax;

    /// <summary>How many bytes are taken. May exceed the budget: see <see cref="Take"/>.</summary>
    public long Taken => Volatile.Read(ref _taken);

    /// <summary>Whether nothing is left.</summary>
    public bool IsExhausted => Taken >= bytesMax;

    /// <summary>Whether callers wait. They wait only for what others hold.</summary>
    public bool IsWaitedFor
    {
        get
        {
            lock (_lock) return _waits.Count > 0;
        }
    }

    /// <summary>Takes bytes even if that exceeds the budget: for memory that is in use already.</summary>
    public void Take(long bytes)
    {
        lock (_lock) Add(bytes);
    }

    /// <summary>Takes bytes if they are left and no other caller waits. A request for more than the whole budget succeeds alone.</summary>
    public bool TryTake(long bytes)
    {
        lock (_lock)
        {
            if (_waits.Count > 0 || !Fits(bytes)) return false;
            Add(bytes);
            return true;
        }
    }

    /// <summary>Takes bytes once they are left.</summary>
    /// <returns>False if they were not within <paramref name="patience"/>; nothing is taken then.</returns>
    /// <exception cref="OperationCanceledException">The wait was canceled; nothing is taken.</exception>
    public async ValueTask<bool> TakeAsync(long bytes, TimeSpan patience, CancellationToken cancellationToken = default)
    {
        if (TryTake(bytes)) return true;
        var wait = new Wait(bytes);
        Enqueue(wait);
        try
        {
            await wait.Task.WaitAsync(patience, time, cancellationToken);
            return true;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            if (!TryWithdraw(wait)) Return(bytes);
            if (e is OperationCanceledException) throw;
            return false;
        }
    }

    /// <summary>Returns bytes, and grants them to callers that wait.</summary>
    public void Return(long bytes)
    {
        if (bytes == 0) return;
        lock (_lock)
        {
            _taken -= bytes;
            Grant();
        }
    }

    /// <summary>The most that was taken at a time since the last call.</summary>
    public long ResetPeak()
    {
        lock (_lock)
        {
            (long peak, _peak) = (_peak, _taken);
            return peak;
        }
    }

    private void Enqueue(Wait wait)
    {
        lock (_lock)
        {
            _waits.AddLast(wait);

            // Bytes may have been returned since the attempt.
            Grant();
        }
    }

    /// <summary>Ends a wait. False if it has been granted already.</summary>
    private bool TryWithdraw(Wait wait)
    {
        lock (_lock)
        {
            bool withdrawn = _waits.Remove(wait);
            if (withdrawn) Grant();
            return withdrawn;
        }
    }

    private void Grant()
    {
        while (_waits.First is { Value: var first } && Fits(first.Bytes))
        {
            _waits.RemoveFirst();
            Add(first.Bytes);
            first.SetResult();
        }
    }

    private void Add(long bytes)
    {
        _taken += bytes;
        _peak = Math.Max(_peak, _taken);
    }

    private bool Fits(long bytes) => _taken + bytes <= bytesMax || _taken <= 0;

    /// <summary>One caller's wait. The caller resumes on the thread pool, never under the lock.</summary>
    private sealed class Wait(long bytes) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public long Bytes => bytes;
    }
}
