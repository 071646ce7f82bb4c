using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client;
using KestrelKv.Extensions.Caching.Payloads;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Extensions.Caching.Invalidation;

/// <summary>
/// Watches the keys of a distributed cache, and evicts from the local level of a hybrid cache what other processes have changed or removed.
/// </summary>
/// <remarks>
/// <para>
/// The watch is open before the application starts (unless the server cannot be reached), and continues after an interruption without a gap. If
/// the server no longer has the next changes, everything local is evicted, and the tags that have been removed meanwhile are read.
/// </para>
/// <para>
/// Microsoft's hybrid cache stores the removal of a tag as an entry <c>__MSFT_HCT__{tag}</c> with a time, which other processes read only when
/// they first meet the tag. A change of such an entry is applied with <c>RemoveByTagAsync</c>, whose write to the distributed level is suppressed.
/// </para>
/// </remarks>
internal sealed partial class HybridCacheInvalidator(
    KestrelKvDistributedCache distributed, LocalCache local, KestrelKvHybridCacheInvalidationOptions options, TimeProvider time,
    ILogger<HybridCacheInvalidator> logger) : BackgroundService
{
    /// <summary>The beginning of the keys under which Microsoft's hybrid cache stores the removal of tags.</summary>
    private const string TagKeyPrefix = "__MSFT_HCT__";

    /// <summary>The pause after a failure that the client does not retry, such as a missing right.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);

    // The value of an event is not read.
    private static readonly JsonTypeInfo<bool> NoValue = PayloadTypes.Boolean;

    private readonly OwnWrites _ownWrites = distributed.RecordWrites();
    private readonly RepeatedEvictions _repeated = new(local, options.RepeatDelay, time);
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // The last version up to which all changes are applied; null before the watch is open, and after a gap.
    private long? _applied;
    private long _lastApplied;
    private long _heardAt;

    // Whether the local level may contain entries from before the watch.
    private bool _hasStarted;

    /// <summary>The number of keys of other processes that were evicted.</summary>
    public int Evictions { get; private set; }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        Volatile.Write(ref _heardAt, time.GetTimestamp());
        await base.StartAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _open.Task.WaitAsync(options.StartTimeout, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            LogStartedWithoutWatch(distributed.Prefix, options.StartTimeout);
        }
        Volatile.Write(ref _hasStarted, true);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Task[] tasks = [WatchAsync(stoppingToken), _repeated.RunAsync(stoppingToken), EvictWhileDisconnectedAsync(stoppingToken)];
        await Task.WhenAll(tasks).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task WatchAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ApplyChangesAsync(stoppingToken).ConfigureAwait(false);
            }
            catch (RefusedException e) when (e.IsHistoryLost)
            {
                LogGap(distributed.Prefix);
                _applied = null;

                // If the server has other data than before, its versions cannot be compared with those that were applied.
                if (e is not HistoryCompactedException) _lastApplied = 0;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Whatever it is, the cache must not end the application. While the watch is closed, the local level is evicted from time to time.
                LogFailure(e, distributed.Prefix);
                await Task.Delay(RetryDelay, time, stoppingToken).ConfigureAwait(false);
            }
        }
    }

    private async Task ApplyChangesAsync(CancellationToken stoppingToken)
    {
        var from = new WatchOptions { KeysOnly = true, ReportProgress = true, FromVersion = _applied + 1 };
        await foreach (WatchEvent<bool> change in distributed.Client.WatchAsync(distributed.Prefix, NoValue, from, stoppingToken).ConfigureAwait(false))
        {
            Volatile.Write(ref _heardAt, time.GetTimestamp());
            if (change.Kind != WatchEventKind.Progress)
            {
                await ApplyAsync(change).ConfigureAwait(false);
                continue;
            }
            // From here on, every change is reported.
            if (_applied is null) await SynchronizeAsync(stoppingToken).ConfigureAwait(false);
            _applied = _lastApplied = change.Version;
            _open.TrySetResult();
        }
    }

    private async ValueTask ApplyAsync(WatchEvent<bool> change)
    {
        // An evicted entry was not changed, and a change of the expiry is no change of the value.
        if (change.Kind is not (WatchEventKind.Put or WatchEventKind.Delete or WatchEventKind.Expire)) return;
        if (await _ownWrites.ContainsAsync(change.Key, change.Version).ConfigureAwait(false)) return;
        string key = change.Key[distributed.Prefix.Length..];
        Evictions++;
        if (key.StartsWith(TagKeyPrefix, StringComparison.Ordinal))
        {
            if (change.Kind == WatchEventKind.Put) await local.EvictTagAsync(key[TagKeyPrefix.Length..]).ConfigureAwait(false);
            return;
        }
        local.Evict(key);
        _repeated.Add(key);
    }

    /// <summary>Applies what was missed before the watch was opened.</summary>
    private async ValueTask SynchronizeAsync(CancellationToken stoppingToken)
    {
        if (!Volatile.Read(ref _hasStarted)) return;
        await local.EvictAllAsync().ConfigureAwait(false);
        _repeated.Add(null);
        await foreach (KeyInfo tag in distributed.Client.ScanKeysAsync(distributed.Prefix + TagKeyPrefix, cancellationToken: stoppingToken).ConfigureAwait(false))
        {
            if (tag.Version > _lastApplied) await local.EvictTagAsync(tag.Key[(distributed.Prefix.Length + TagKeyPrefix.Length)..]).ConfigureAwait(false);
        }
    }

    private async Task EvictWhileDisconnectedAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.DisconnectedTimeMax / 4, time);
        long evictedAt = time.GetTimestamp();
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
        {
            if (time.GetElapsedTime(Volatile.Read(ref _heardAt)) < options.DisconnectedTimeMax) continue;
            if (time.GetElapsedTime(evictedAt) < options.DisconnectedTimeMax) continue;
            evictedAt = time.GetTimestamp();
            LogDisconnected(distributed.Prefix, options.DisconnectedTimeMax);
            await local.EvictAllAsync().ConfigureAwait(false);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The watch of \"{Prefix}\" was not open after {Time}. The application starts without it, and local entries may be stale until it is.")]
    private partial void LogStartedWithoutWatch(string prefix, TimeSpan time);

    [LoggerMessage(2, LogLevel.Warning, "The server no longer has all changes of \"{Prefix}\". All local entries are evicted.")]
    private partial void LogGap(string prefix);

    [LoggerMessage(3, LogLevel.Error, "The watch of \"{Prefix}\" failed. It is retried.")]
    private partial void LogFailure(Exception error, string prefix);

    [LoggerMessage(4, LogLevel.Warning, "The server has reported nothing about \"{Prefix}\" for {Time}. All local entries are evicted.")]
    private partial void LogDisconnected(string prefix, TimeSpan time);
}
