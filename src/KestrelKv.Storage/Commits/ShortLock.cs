namespace KestrelKv.Storage.Commits;

/// <summary>A lock for steps of well under a microsecond, by and large. Not to be taken twice by one thread. No copies of it may be made.</summary>
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
