namespace KestrelKv.Protocol;

/// <summary>A budget of bytes that many connections share. Thread-safe.</summary>
/// <remarks>
/// Waiting callers are served in order of arrival. A caller that waits must hold no bytes of the budget, so no two callers can wait for
/// each other.
/// </remarks>
/// <param name="bytesMax">The size of the budget, in bytes.</param>
/// <param name="time">The clock for wait timeouts.</param>
public sealed class ByteBudget(long bytesMax, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Wait> _waits = [];
    private long _taken;
    private long _peak;

    /// <summary>The size of the budget, in bytes.</summary>
    public long BytesMax => bytesMax;

    /// <summary>The number of bytes taken, which may exceed the budget: see <see cref="Take"/>.</summary>
    public long Taken => Volatile.Read(ref _taken);

    /// <summary>Whether no bytes are left.</summary>
    public bool IsExhausted => Taken >= bytesMax;

    /// <summary>Whether callers wait for bytes that others hold.</summary>
    public bool HasWaiters
    {
        get
        {
            lock (_lock) return _waits.Count > 0;
        }
    }

    /// <summary>Takes bytes even beyond the budget, for memory that is already in use.</summary>
    public void Take(long bytes)
    {
        lock (_lock) Add(bytes);
    }

    /// <summary>Takes bytes if enough are left and no caller waits. More than the budget can be taken only when none are taken.</summary>
    public bool TryTake(long bytes)
    {
        lock (_lock)
        {
            if (_waits.Count > 0 || !Fits(bytes)) return false;
            Add(bytes);
            return true;
        }
    }

    /// <summary>Takes bytes, and waits until enough are left.</summary>
    /// <returns>False after <paramref name="timeout"/>; no bytes are taken.</returns>
    /// <exception cref="OperationCanceledException">The wait was canceled; no bytes are taken.</exception>
    public async ValueTask<bool> TakeAsync(long bytes, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        if (TryTake(bytes)) return true;
        var wait = new Wait(bytes);
        Enqueue(wait);
        try
        {
            await wait.Task.WaitAsync(timeout, time, cancellationToken);
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

    /// <summary>Returns the peak of <see cref="Taken"/> since the last call, and resets it.</summary>
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

            // Bytes may have been returned since the failed attempt.
            Grant();
        }
    }

    /// <summary>Removes a wait. False if it was already granted.</summary>
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

    /// <summary>The wait of one caller, which resumes on the thread pool, never under the lock.</summary>
    private sealed class Wait(long bytes) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public long Bytes => bytes;
    }
}
