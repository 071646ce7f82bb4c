namespace KestrelKv.Storage.Embedded;

/// <summary>The times that a store goes by. For use by many threads.</summary>
internal sealed class StoreClock(TimeProvider time)
{
    /// <summary>One unit of <see cref="UseTime"/>: so the 32 bits last for 198 days.</summary>
    private static readonly TimeSpan UseTimeUnit = TimeSpan.FromMilliseconds(4);

    private readonly long _start = time.GetTimestamp();
    private long _latest;
    private uint _useTime;

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
    /// between calls of <see cref="RefreshUseTime"/>, which are made for many uses at once, and never goes back: what is
    /// newer than now would look as if it were of the last time around.
    /// </summary>
    public uint UseTime => Volatile.Read(ref _useTime);

    /// <summary>Takes <see cref="UseTime"/> to the present.</summary>
    public void RefreshUseTime()
    {
        uint now = (uint)(time.GetElapsedTime(_start).Ticks / UseTimeUnit.Ticks);
        for (uint latest; (int)(now - (latest = UseTime)) > 0;)
            if (Interlocked.CompareExchange(ref _useTime, now, latest) == latest) return;
    }
}
