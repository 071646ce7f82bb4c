namespace KestrelKv.Storage.Embedded;

/// <summary>The times that a store goes by. For use by many threads.</summary>
internal sealed class StoreClock(TimeProvider time)
{
    /// <summary>One unit of <see cref="Use"/>: so the 32 bits last for 198 days.</summary>
    private static readonly TimeSpan UseUnit = TimeSpan.FromMilliseconds(4);

    private readonly long _start = time.GetTimestamp();
    private long _latest;
    private uint _use;

    /// <summary>
    /// The time, in milliseconds of Unix time, which never goes back, so that what has been seen to be gone stays gone.
    /// To be read under the lock of what is looked at.
    /// </summary>
    public long Now()
    {
        long now = time.GetUtcNow().ToUnixTimeMilliseconds();
        for (long latest; (latest = Volatile.Read(ref _latest)) < now;)
            if (Interlocked.CompareExchange(ref _latest, now, latest) == latest) return now;
        return Volatile.Read(ref _latest);
    }

    /// <summary>
    /// When entries are said to be used that are used now, in units of 4 milliseconds that wrap around. It stands still
    /// between calls of <see cref="RefreshUse"/>, which are made for many uses at once.
    /// </summary>
    public uint Use => Volatile.Read(ref _use);

    /// <summary>Takes <see cref="Use"/> to the present.</summary>
    public void RefreshUse()
    {
        uint use = (uint)(time.GetElapsedTime(_start).Ticks / UseUnit.Ticks);
        if (use != _use) Volatile.Write(ref _use, use);
    }
}
