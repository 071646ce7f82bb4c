namespace KestrelKv.Extensions.Locks;

/// <summary>Options of locks. A provider copies them when it is created.</summary>
public sealed class KestrelKvLockOptions
{
    private static readonly TimeSpan ExpiryMin = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ExpiryMax = TimeSpan.FromDays(1);

    /// <summary>The prefix of the keys of locks, so that a user's rights can be limited to it. The default is <c>locks/</c>.</summary>
    public string Prefix { get; set; } = "locks/";

    /// <summary>
    /// The service key of the <see cref="Client.KestrelKvClient"/> for locks that are registered with <c>AddKestrelKvLocks</c>; null, the
    /// default, for the client that is registered without a key.
    /// </summary>
    public object? ClientServiceKey { get; set; }

    /// <summary>
    /// The time after which the lock of a holder that has stopped becomes free, 100 milliseconds to 1 day. The default is 30 seconds. The
    /// holder renews the lock each time a third has passed. A short time frees the lock of a crashed process early, but loses it in shorter
    /// disturbances.
    /// </summary>
    public TimeSpan Expiry { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long before the expiry the holder considers the lock lost, at most half of <see cref="Expiry"/>. Null, the default, for a tenth
    /// of it. It covers the difference in speed of the two clocks, and the time until the holder has stopped its work.
    /// </summary>
    public TimeSpan? SafetyMargin { get; set; }

    /// <summary>
    /// The clock of the holder. Only its monotonic timestamps and timers are used. The default is <see cref="TimeProvider.System"/>.
    /// </summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>The time from a renewal to the moment at which the holder considers the lock lost.</summary>
    internal TimeSpan Validity => Expiry - (SafetyMargin ?? (Expiry / 10));

    internal KestrelKvLockOptions Copy() => (KestrelKvLockOptions)MemberwiseClone();

    /// <summary>Returns what is wrong, or null.</summary>
    internal string? Validate()
    {
        if (Prefix is null) return "KestrelKvLockOptions.Prefix is null, expected a text.";
        if (Time is null) return "KestrelKvLockOptions.Time is null, expected a clock.";
        if (Expiry < ExpiryMin || Expiry > ExpiryMax) return $"KestrelKvLockOptions.Expiry is {Expiry}, expected {ExpiryMin} to {ExpiryMax}.";
        return SafetyMargin is { } margin && (margin < TimeSpan.Zero || margin > Expiry / 2)
            ? $"KestrelKvLockOptions.SafetyMargin is {margin}, expected 00:00:00 to {Expiry / 2}, half of Expiry."
            : null;
    }
}
