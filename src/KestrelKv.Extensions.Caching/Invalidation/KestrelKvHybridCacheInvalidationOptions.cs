using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;

namespace KestrelKv.Extensions.Caching;

/// <summary>Options of the invalidation of <see cref="HybridCache"/>'s local level.</summary>
public sealed class KestrelKvHybridCacheInvalidationOptions
{
    /// <summary>
    /// The service key of the <see cref="IDistributedCache"/> that the hybrid cache uses; null, the default, for the one without a key. It must be
    /// registered with this package.
    /// </summary>
    public object? DistributedCacheServiceKey { get; set; }

    /// <summary>
    /// The time without a message from the server after which everything that is cached locally is evicted, and again each time it has passed, 1 second
    /// to 1 hour. The default is 30 seconds. It must exceed the client's <c>ProgressInterval</c>, at which the server reports that nothing changed.
    /// </summary>
    public TimeSpan DisconnectedTimeMax { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The time after which an eviction is repeated, at most 1 minute. The default is 1 second. A read that began before a change can put the old
    /// value into the local level after the first eviction. It must exceed the time that such a read takes. Zero for no repetition.
    /// </summary>
    public TimeSpan RepeatDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The time for which the start of the application waits for the watch, at most 1 minute. The default is 5 seconds. After that the application
    /// starts without it; when the server can be reached, everything that is cached locally is evicted once.
    /// </summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Returns what is wrong, or null.</summary>
    internal string? Validate() =>
        Check(nameof(DisconnectedTimeMax), DisconnectedTimeMax, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)) ??
        Check(nameof(RepeatDelay), RepeatDelay, TimeSpan.Zero, TimeSpan.FromMinutes(1)) ??
        Check(nameof(StartTimeout), StartTimeout, TimeSpan.Zero, TimeSpan.FromMinutes(1));

    private static string? Check(string name, TimeSpan value, TimeSpan min, TimeSpan max) =>
        value >= min && value <= max ? null : $"KestrelKvHybridCacheInvalidationOptions.{name} is {value}, expected {min} to {max}.";
}
