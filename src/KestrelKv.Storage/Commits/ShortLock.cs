namespace KestrelKv.Storage.Commits;

/// <summary>A spin lock for critical sections of typically well under a microsecond. Not reentrant. Must not be copied.</summary>
internal struct ShortLock
{
    private int _taken;

    public void Enter()
    {
        if (Interlocked.CompareExchange(ref _taken, 1, 0) == 0) return;
        var wait = new SpinWait();
        while (Volatile.Read(ref _taken) != 0 || Interlocked.CompareExchange(ref _taken, 1, 0) != 0) wait.SpinOnce(sleep1Threshold: -1);
    }

    public void Exit() => Volatile.Write(ref _taken, 0);
}
