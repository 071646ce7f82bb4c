using KestrelKv.Client;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Extensions.Locks;

/// <summary>
/// An acquired lock. It is renewed until it is disposed of, which releases it. See <see cref="KestrelKvLock"/> for what it guarantees.
/// </summary>
public sealed class KestrelKvLockHandle : IAsyncDisposable
{
    private readonly LockEntry _entry;
    private readonly LockHolder _holder;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly ITimer _expiry;
    private readonly Task _renewing;

    // The timestamp at which the lock counts as lost unless it is renewed. 0 after a loss or the release.
    private long _validUntil;

    // The version of the last write, which only the renewal changes. Null if it is unknown.
    private long? _version;
    private Task<bool>? _release;

    internal KestrelKvLockHandle(string name, LockEntry entry, LockHolder holder, long version, long begunAt, ILogger logger)
    {
        (Name, FencingToken, _entry, _holder, _version, _logger) = (name, version, entry, holder, version, logger);
        _validUntil = Deadline(begunAt);
        _expiry = entry.Time.CreateTimer(
            static handle => ((KestrelKvLockHandle)handle!).CheckExpiry(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _expiry.Change(Remaining(), Timeout.InfiniteTimeSpan);
        _renewing = RenewAsync(begunAt);
    }

    /// <summary>The name of the lock.</summary>
    public string Name { get; }

    /// <summary>
    /// The version of the acquisition, greater than those of all previous holders of this lock. A resource that refuses tokens lower than
    /// the highest it has seen is safe from a holder that has lost the lock without noticing.
    /// </summary>
    public long FencingToken { get; }

    /// <summary>Canceled when the lock is lost, or cannot be renewed in time. Not canceled by the release.</summary>
    public CancellationToken LostToken => _lost.Token;

    /// <summary>
    /// Whether the lock is held, by the holder's clock: not released, not lost, and renewed in time. After a pause of the process, this is
    /// correct even before <see cref="LostToken"/> is canceled.
    /// </summary>
    public bool IsHeld => Volatile.Read(ref _validUntil) is var deadline && deadline != 0 && _entry.Time.GetTimestamp() < deadline;

    /// <summary>Releases the lock. Further calls return the same result.</summary>
    /// <returns>Whether the lock was still held. If the server cannot be reached, false: the lock then expires.</returns>
    public Task<bool> ReleaseAsync()
    {
        lock (_stop) return _release ??= EndAsync();
    }

    /// <summary>Releases the lock. Throws no exception if the server cannot be reached: the lock then expires.</summary>
    public async ValueTask DisposeAsync() => await ReleaseAsync().ConfigureAwait(false);

    private async Task<bool> EndAsync()
    {
        // A renewal that is in progress is abandoned, and may still be executed: the removal takes that into account.
        await _stop.CancelAsync().ConfigureAwait(false);
        await _renewing.ConfigureAwait(false);
        bool wasLost = _lost.IsCancellationRequested || !IsHeld;
        TimeSpan timeout = wasLost ? LockTimes.LateRelease : LockTimes.Release;
        Volatile.Write(ref _validUntil, 0);
        await _expiry.DisposeAsync().ConfigureAwait(false);
        try
        {
            return await _entry.TryRemoveAsync(_holder.Id, _version, timeout).ConfigureAwait(false) && !wasLost;
        }
        catch (Exception e) when (e is KestrelKvException or ObjectDisposedException)
        {
            // The entry expires.
            Log.ReleaseFailed(_logger, Name, e);
            return false;
        }
    }

    private async Task RenewAsync(long begunAt)
    {
        TimeSpan pause = _entry.RenewalInterval - _entry.Time.GetElapsedTime(begunAt);
        while (IsHeld)
        {
            if (pause > TimeSpan.Zero) await Task.Delay(pause, _entry.Time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_stop.IsCancellationRequested) return;
            try
            {
                _version ??= await _entry.VersionOfAsync(_holder.Id, CallTimeout(), _stop.Token).ConfigureAwait(false);
                if (_version is not { } known) break;

                // Unknown until the reply arrives.
                _version = null;
                long sentAt = _entry.Time.GetTimestamp();
                if (await _entry.TryRenewAsync(known, CallTimeout(), _stop.Token).ConfigureAwait(false) is not { } renewed) break;
                _version = renewed;
                Renewed(sentAt);
                pause = _entry.RenewalInterval;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (ObjectDisposedException)
            {
                // The client is disposed.
                break;
            }
            catch (KestrelKvException e)
            {
                // Refused, as by a full disk, or unknown: the lock may still be held, so try again until it counts as lost.
                Log.RenewalFailed(_logger, Name, e);
                pause = LockTimes.AfterFailure;
            }
        }
        Lose();
    }

    /// <summary>Extends the validity, unless it has ended.</summary>
    private void Renewed(long sentAt)
    {
        long deadline = Volatile.Read(ref _validUntil);
        if (deadline == 0 || Interlocked.CompareExchange(ref _validUntil, Deadline(sentAt), deadline) != deadline) return;
        _expiry.Change(Remaining(), Timeout.InfiniteTimeSpan);
    }

    private void CheckExpiry()
    {
        TimeSpan remaining = Remaining();
        if (remaining > TimeSpan.Zero) _expiry.Change(remaining, Timeout.InfiniteTimeSpan);
        else if (!_stop.IsCancellationRequested) Lose();
    }

    private void Lose()
    {
        if (Interlocked.Exchange(ref _validUntil, 0) == 0) return;
        Log.LockLost(_logger, Name, FencingToken);

        // A renewal that waits for a connection would extend the lock, although the holder no longer counts as one.
        _stop.Cancel();
        _ = _lost.CancelAsync();
    }

    private long Deadline(long begunAt) => begunAt + (long)(_entry.Validity.TotalSeconds * _entry.Time.TimestampFrequency);

    /// <summary>Returns the deadline of a call, after which its result would be of no use.</summary>
    private TimeSpan CallTimeout() => Remaining() is var left && left > LockTimes.CallMin ? left : LockTimes.CallMin;

    /// <summary>Returns the time until the lock counts as lost; zero if it does.</summary>
    private TimeSpan Remaining()
    {
        TimeSpan left = _entry.Time.GetElapsedTime(_entry.Time.GetTimestamp(), Volatile.Read(ref _validUntil));
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}
