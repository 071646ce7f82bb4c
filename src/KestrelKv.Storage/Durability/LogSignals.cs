namespace KestrelKv.Storage.Durability;

/// <summary>How committers wake the threads of the log: the writer for commits, the preparer for segments.</summary>
internal sealed class LogSignals : IDisposable
{
    private readonly ManualResetEventSlim _work = new(false, spinCount: 0);
    private readonly ManualResetEventSlim _segmentWanted = new(false, spinCount: 0);
    private int _isIdle;
    private long _wantedBytes;
    private bool _isSyncWanted;

    /// <summary>Whether all commits so far are to be synced soon, whatever the mode.</summary>
    public bool IsSyncWanted => Volatile.Read(ref _isSyncWanted);

    /// <summary>Wakes the writer if it is idle. To be called after a commit, without locks.</summary>
    public void Kick()
    {
        // Either the writer sees the commit, or this sees that the writer is idle.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _isIdle) != 0) _work.Set();
    }

    /// <summary>Wakes the writer to sync all commits so far.</summary>
    public void WantSync()
    {
        Volatile.Write(ref _isSyncWanted, true);
        _work.Set();
    }

    /// <summary>Takes the wish for a sync. Before commits are taken: a later wish may mean later commits.</summary>
    public bool TakeSyncWanted() => Interlocked.Exchange(ref _isSyncWanted, false);

    /// <summary>Wakes the preparer.</summary>
    /// <param name="frameBytes">The frame for which the next segment must have room; 0 for a segment of the usual length.</param>
    public void WantSegment(long frameBytes)
    {
        for (long seen; (seen = Volatile.Read(ref _wantedBytes)) < frameBytes;)
            if (Interlocked.CompareExchange(ref _wantedBytes, frameBytes, seen) == seen) break;
        _segmentWanted.Set();
    }

    /// <summary>Takes the largest wish for a segment; 0 for none beyond the usual.</summary>
    public long TakeWantedBytes() => Interlocked.Exchange(ref _wantedBytes, 0);

    /// <summary>Wakes both threads.</summary>
    public void WakeAll()
    {
        _work.Set();
        _segmentWanted.Set();
    }

    /// <summary>Waits for work; for the writer.</summary>
    /// <param name="hasWork">Whether there is some already.</param>
    /// <param name="idle">How long to wait.</param>
    /// <returns>False if none came.</returns>
    public bool WaitForWork(Func<bool> hasWork, TimeSpan idle)
    {
        _work.Reset();
        Volatile.Write(ref _isIdle, 1);
        Interlocked.MemoryBarrier();
        bool woken = hasWork() || IsSyncWanted || _work.Wait(idle);
        Volatile.Write(ref _isIdle, 0);
        return woken;
    }

    /// <summary>Waits until a segment is wanted; for the preparer.</summary>
    public void WaitForSegmentWanted(TimeSpan timeout)
    {
        _segmentWanted.Wait(timeout);
        _segmentWanted.Reset();
    }

    public void Dispose()
    {
        _work.Dispose();
        _segmentWanted.Dispose();
    }
}
