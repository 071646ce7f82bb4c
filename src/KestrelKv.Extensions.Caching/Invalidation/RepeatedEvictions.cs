using System.Threading.Channels;

namespace KestrelKv.Extensions.Caching.Invalidation;

/// <summary>Evicts keys a second time, after a delay.</summary>
/// <param name="cache">The local cache.</param>
/// <param name="delay">The delay; zero for no repetition.</param>
/// <param name="time">The clock.</param>
internal sealed class RepeatedEvictions(LocalCache cache, TimeSpan delay, TimeProvider time)
{
    /// <summary>The number of keys that wait. With more, everything is evicted instead.</summary>
    private const int KeysMax = 100_000;

    // A null key stands for all.
    private readonly Channel<(string? Key, long AddedAt)> _keys =
        Channel.CreateBounded<(string?, long)>(new BoundedChannelOptions(KeysMax) { SingleReader = true });

    private bool _hasOverflowed;

    /// <summary>Adds a key that was just evicted; null for all.</summary>
    public void Add(string? key)
    {
        if (delay > TimeSpan.Zero && !_keys.Writer.TryWrite((key, time.GetTimestamp()))) Volatile.Write(ref _hasOverflowed, true);
    }

    /// <summary>Evicts keys when they are due, until it is canceled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await foreach ((string? key, long addedAt) in _keys.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            TimeSpan pause = delay - time.GetElapsedTime(addedAt);
            if (pause > TimeSpan.Zero) await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
            if (key is null) await cache.EvictAllAsync().ConfigureAwait(false);
            else cache.Evict(key);
            if (!Volatile.Read(ref _hasOverflowed)) continue;
            Volatile.Write(ref _hasOverflowed, false);
            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
            await cache.EvictAllAsync().ConfigureAwait(false);
        }
    }
}
