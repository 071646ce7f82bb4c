using KestrelKv.Client;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Extensions.Locks;

/// <summary>A lock that one holder at a time has, among all processes that use the same server. Not reentrant. Thread-safe.</summary>
/// <remarks>
/// <para>
/// <b>How it works.</b> The lock is an entry with an expiry. It is acquired by a put that requires the key to be missing, renewed each time
/// a third of the expiry has passed, and released by a removal. Each of these writes requires the version of the holder's last one, so that
/// it never touches the lock of another holder. A waiter watches the key, and tries again when the entry is released or expires. There is
/// no order among waiters of different processes.
/// </para>
/// <para>
/// <b>What it guarantees.</b> The server gives the lock to a new holder only after the previous one has released it or its expiry has
/// passed. <see cref="KestrelKvLockHandle.FencingToken"/> is the version of the acquisition. Versions are never reused, so each holder of a
/// lock has a greater token than all before it, across restarts and restores of the server. <see cref="KestrelKvLockHandle.LostToken"/> is
/// canceled before another holder can acquire the lock, if the holder's process runs: the holder counts the expiry from before it sent the
/// last successful write, by its own monotonic clock, and less a margin. No clocks are compared, but their speeds must be equal within the
/// margin, the server's clock must not be set forward, and the holder's machine must not be suspended.
/// </para>
/// <para>
/// <b>What it does not guarantee.</b> No lock with an expiry can stop a holder that is paused at the wrong moment, by garbage collection, a
/// debugger, or a virtual machine that is moved: it continues in the belief that it holds the lock, and a write that it has sent may arrive
/// even later. See M. Kleppmann, "How to do distributed locking" (2016). If such a write would cause damage, the resource must protect
/// itself: send it the fencing token with each write, and let it refuse tokens lower than the highest that it has seen. Without such a
/// check, the lock avoids duplicate work, but is not sufficient for correctness. If a server loses the acquisition
/// in a crash (a durability other than <c>Always</c>) or evicts it (<c>Store:Eviction</c>), a second holder can exist at once; its token is
/// greater.
/// </para>
/// <para>
/// <b>Unknown outcomes.</b> The writes have request ids, so a broken connection does not matter: the client repeats them, and they are
/// executed once. If an acquisition is canceled, or its deadline passes after the request was sent, the entry may be created without a
/// holder. It is removed at once if the server can be reached, and otherwise expires.
/// </para>
/// </remarks>
public sealed class KestrelKvLock
{
    private readonly LockEntry _entry;
    private readonly WaitingRoom _waiting;
    private readonly ILogger _logger;

    internal KestrelKvLock(string name, LockEntry entry, WaitingRoom waiting, ILogger logger) =>
        (Name, _entry, _waiting, _logger) = (name, entry, waiting, logger);

    /// <summary>The name of the lock.</summary>
    public string Name { get; }

    /// <summary>Acquires the lock if it is free.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The handle of the lock, which releases it when disposed; null if the lock is held.</returns>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public async Task<KestrelKvLockHandle?> TryAcquireAsync(CancellationToken cancellationToken = default)
    {
        var holder = LockHolder.Create(_entry.Time);
        long begunAt = _entry.Time.GetTimestamp();
        long? version;
        try
        {
            version = await _entry.TryCreateAsync(holder, _entry.Validity, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (IsUnknown(e))
        {
            _ = RemoveUnheldAsync(holder);
            throw;
        }
        return version is { } token ? new(Name, _entry, holder, token, begunAt, _logger) : null;
    }

    /// <summary>Waits until the lock is free, and acquires it.</summary>
    /// <remarks>While the server cannot be reached, the wait continues.</remarks>
    /// <param name="timeout">The maximum time to wait, greater than zero; null, the default, for no limit.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The handle of the lock, which releases it when disposed.</returns>
    /// <exception cref="TimeoutException">
    /// The lock was not free in time, or the server could not be reached (see the inner exception).
    /// </exception>
    /// <exception cref="RefusedException">The server refused a call, such as for lack of a right.</exception>
    /// <exception cref="NotSentException">The client is disposed.</exception>
    public async Task<KestrelKvLockHandle> AcquireAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        if (timeout is { } limit) ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(limit, TimeSpan.Zero, nameof(timeout));
        using var late = new CancellationTokenSource(timeout ?? Timeout.InfiniteTimeSpan, _entry.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        KestrelKvException? failure = null;
        try
        {
            using IDisposable turn = await _waiting.EnterAsync(_entry.Key, either.Token).ConfigureAwait(false);
            while (true)
            {
                if (await TryAsync().ConfigureAwait(false) is { } handle) return handle;
                try
                {
                    // The first event reports that the watch is open: a release before it was missed, so try again.
                    await foreach (WatchEventKind _ in _entry.WatchRemovalsAsync(either.Token).ConfigureAwait(false))
                        if (await TryAsync().ConfigureAwait(false) is { } acquired) return acquired;
                }
                catch (RefusedException e) when (e.IsHistoryLost)
                {
                    // The watch was disconnected for longer than the server keeps changes, or the server has other data than before.
                }
                catch (OperationCanceledException) when (!either.IsCancellationRequested)
                {
                    // The client is disposed, which the next try reports.
                }
            }
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"The lock \"{Name}\" was not acquired within {timeout}.", failure);
        }

        async Task<KestrelKvLockHandle?> TryAsync()
        {
            while (true)
            {
                try
                {
                    KestrelKvLockHandle? acquired = await TryAcquireAsync(either.Token).ConfigureAwait(false);
                    if (acquired is null || acquired.IsHeld) return acquired;

                    // The reply took longer than the expiry.
                    await acquired.DisposeAsync().ConfigureAwait(false);
                }
                catch (KestrelKvException e) when (IsTransient(e))
                {
                    failure = e;
                    await Task.Delay(LockTimes.AfterFailure, _entry.Time, either.Token).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>Returns the current holder; null if the lock is free.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    /// <exception cref="System.Text.Json.JsonException">The entry is not a lock.</exception>
    public async Task<LockHolder?> GetHolderAsync(CancellationToken cancellationToken = default) =>
        (await _entry.ReadAsync(null, cancellationToken).ConfigureAwait(false)).Value;

    private static bool IsTransient(KestrelKvException error) => error switch
    {
        RefusedException refused => refused.IsTransient,
        { InnerException: ObjectDisposedException } => false,
        _ => true,
    };

    private static bool IsUnknown(Exception error) =>
        error is OutcomeUnknownException || (error is OperationCanceledException && error.InnerException is OutcomeUnknownException);

    /// <summary>Removes the entry of an acquisition whose outcome is unknown.</summary>
    private async Task RemoveUnheldAsync(LockHolder holder)
    {
        try
        {
            // The first removal expects no entry. It is executed after the creation if both use the same connection, as a read is not.
            await _entry.TryRemoveAsync(holder.Id, 0, _entry.Validity).ConfigureAwait(false);
        }
        catch (Exception e) when (e is KestrelKvException or ObjectDisposedException)
        {
            // The entry expires.
        }
    }
}
