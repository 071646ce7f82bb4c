using KestrelKv.Client;
using Microsoft.Extensions.Caching.Distributed;

namespace KestrelKv.Extensions.Caching.Payloads;

/// <summary>The expiry of an entry that is written: the one that the server gets, and the sliding window that is stored with the value.</summary>
/// <param name="Initial">The expiry until the first extension.</param>
/// <param name="Sliding">The sliding window; null for none.</param>
internal readonly record struct EntryExpiry(Expiry Initial, SlidingExpiry? Sliding)
{
    /// <summary>The last millisecond that the server accepts as an expiry, in the year 9999.</summary>
    private static readonly DateTimeOffset Last = DateTimeOffset.MaxValue.AddDays(-1);

    /// <summary>Computes the expiry of an entry.</summary>
    /// <remarks>
    /// As in Microsoft's caches, a relative time takes precedence over a point in time. Times beyond the year 9999 stand for no expiry. Without a
    /// sliding window, a relative time is counted by the server's clock alone.
    /// </remarks>
    /// <param name="options">The options of the entry.</param>
    /// <param name="defaults">The options that apply if the entry has no expiry; null for none.</param>
    /// <param name="now">The time.</param>
    /// <exception cref="ArgumentOutOfRangeException">The absolute expiration is not in the future.</exception>
    public static EntryExpiry Of(DistributedCacheEntryOptions options, DistributedCacheEntryOptions? defaults, DateTimeOffset now)
    {
        if (options.AbsoluteExpiration is { } at && at <= now)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), at, $"AbsoluteExpiration must be in the future. The time is {now:O}.");
        }
        if (options is { AbsoluteExpiration: null, AbsoluteExpirationRelativeToNow: null, SlidingExpiration: null } && defaults is not null) options = defaults;

        TimeSpan? relative = options.AbsoluteExpirationRelativeToNow;
        if (relative > Last - now) relative = null;
        DateTimeOffset? absolute = relative is { } time ? now + time : options.AbsoluteExpirationRelativeToNow is null ? options.AbsoluteExpiration : null;
        if (absolute > Last) absolute = null;

        if (options.SlidingExpiration is { } window && window <= Last - now)
        {
            var sliding = new SlidingExpiry(Milliseconds(window), absolute is { } latest ? Math.Max(1, latest.ToUnixTimeMilliseconds()) : 0);
            TimeSpan first = sliding.Extension(now);
            // Less than a millisecond is left.
            return new(Expiry.In(first > TimeSpan.Zero ? first : TimeSpan.FromMilliseconds(1)), sliding);
        }
        if (relative is { } ttl) return new(Expiry.In(ttl), null);
        return new(absolute is { } point ? Expiry.At(point) : Expiry.Default, null);

        static long Milliseconds(TimeSpan time) => Math.Max(1, (long)time.TotalMilliseconds);
    }
}
