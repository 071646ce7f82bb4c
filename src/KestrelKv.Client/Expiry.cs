namespace KestrelKv.Client;

/// <summary>The expiry that a write sets. The default value is <see cref="Default"/>.</summary>
public readonly record struct Expiry
{
    // In: the duration. At: the UTC time. Otherwise 0.
    private readonly long _ticks;

    private Expiry(ExpiryKind kind, long ticks) => (Kind, _ticks) = (kind, ticks);

    /// <summary>The write does not mention the expiry: a put of a whole value clears it, other writes keep it.</summary>
    public static Expiry Default => default;

    /// <summary>The entry does not expire.</summary>
    public static Expiry Never => new(ExpiryKind.Never, 0);

    /// <summary>The entry expires after a time, counted from the execution of the write.</summary>
    /// <param name="time">The time, rounded up to the next millisecond. Greater than zero.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time is not positive.</exception>
    public static Expiry In(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(time, TimeSpan.Zero);
        return new(ExpiryKind.In, time.Ticks);
    }

    /// <summary>The entry expires at a point in time.</summary>
    /// <param name="time">The time, rounded up to the next millisecond. A time in the past removes the entry at once.</param>
    public static Expiry At(DateTimeOffset time) => new(ExpiryKind.At, time.UtcTicks);

    /// <summary>The same as <see cref="In"/>.</summary>
    /// <param name="time">The time until the entry expires.</param>
    public static implicit operator Expiry(TimeSpan time) => In(time);

    /// <summary>The same as <see cref="In"/>.</summary>
    /// <param name="time">The time until the entry expires.</param>
    public static Expiry FromTimeSpan(TimeSpan time) => In(time);

    internal ExpiryKind Kind { get; }

    /// <summary>The duration, or the Unix time, in milliseconds, rounded up.</summary>
    internal long Milliseconds
    {
        get
        {
            long ticks = Kind == ExpiryKind.At ? _ticks - DateTimeOffset.UnixEpoch.Ticks : _ticks;
            long whole = Math.DivRem(ticks, TimeSpan.TicksPerMillisecond, out long rest);
            return rest > 0 ? whole + 1 : whole;
        }
    }
}

internal enum ExpiryKind : byte
{
    Default,
    Never,
    In,
    At,
}
