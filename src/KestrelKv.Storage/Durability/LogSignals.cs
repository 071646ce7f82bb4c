namespace KestrelKv.Storage.Durability;

/// <summary>Wakes the threads of the log: the writer for commits, the preparer for segments.</summary>
internal sealed class LogSignals : IDisposable
{
    private readonly ManualResetEventSlim _work = new(false, spinCount: 0);
    private readonly ManualResetEventSlim _segmentWanted = new(false, spinCount: 0);
    private int _isIdle;
    private long _wantedBytes;
    private bool _isSyncWanted;

    /// <summary>Whether a sync of all commits so far is requested, regardless of the mode.</summary>
    public bool IsSyncRequested => Volatile.Read(ref _isSyncWanted);

    /// <summary>Wakes the writer if it is idle. Call it after a commit, without locks.</summary>
    public void WakeWriter()
    {
        // Either the writer sees the commit, or this thread sees that the writer is idle.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _isIdle) != 0) _work.Set();
    }

    /// <summary>Requests a sync of all commits so far, and wakes the writer.</summary>
    public void RequestSync()
    {
        Volatile.Write(ref _isSyncWanted, true);
        _work.Set();
    }

    /// <summary>
    /// Returns and clears the request for a sync. Call it before the commits are taken: a later request may cover later commits.
    /// </summary>
    public bool TakeSyncRequest() => Interlocked.Exchange(ref _isSyncWanted, false);

    /// <summary>Requests a segment, and wakes the preparer.</summary>
    /// <param name="logRecordBytes">
    /// The length of the log record that must fit into the next segment; 0 for a segment of the usual length.
    /// </param>
    public void RequestSegment(long logRecordBytes)
    {
        for (long seen; (seen = Volatile.Read(ref _wantedBytes)) < logRecordBytes;)
            if (Interlocked.CompareExchange(ref _wantedBytes, logRecordBytes, seen) == seen) break;
        _segmentWanted.Set();
    }

    /// <summary>Returns and clears the largest requested length; 0 for the usual length.</summary>
    public long TakeRequestedBytes() => Interlocked.Exchange(ref _wantedBytes, 0);

    public void WakeAll()
    {
        _work.Set();
        _segmentWanted.Set();
    }

    /// <summary>Waits for work. Called by the writer.</summary>
    /// <param name="hasWork">Returns whether there is work already.</param>
    /// <param name="idle">The timeout.</param>
    /// <returns>False after a timeout.</returns>
    public bool WaitForWork(Func<bool> hasWork, TimeSpan idle)
    {
        _work.Reset();
        Volatile.Write(ref _isIdle, 1);
        Interlocked.MemoryBarrier();
        bool woken = hasWork() || IsSyncRequested || _work.Wait(idle);
        Volatile.Write(ref _isIdle, 0);
        return woken;
    }

    /// <summary>Waits for a request for a segment. Called by the preparer.</summary>
    public void WaitForSegmentRequest(TimeSpan timeout)
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
