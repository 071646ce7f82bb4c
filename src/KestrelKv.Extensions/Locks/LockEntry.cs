using System.Runtime.CompilerServices;
using System.Text.Json;
using KestrelKv.Client;

namespace KestrelKv.Extensions.Locks;

/// <summary>The calls on the entry of one lock.</summary>
internal sealed class LockEntry(KestrelKvClient client, string key, KestrelKvLockOptions options)
{
    public string Key => key;

    public TimeProvider Time => options.Time;

    public TimeSpan Validity => options.Validity;

    public TimeSpan RenewalInterval => options.Expiry / 3;

    /// <summary>Creates the entry if it is missing.</summary>
    /// <returns>The version of the new entry; null if the entry existed.</returns>
    public async Task<long?> TryCreateAsync(LockHolder holder, TimeSpan timeout, CancellationToken cancellationToken)
    {
        WriteOptions put = Guarded(0, timeout) with { Expiry = options.Expiry };
        WriteResult result = await client.PutAsync(key, holder, LockJson.Default.LockHolder, put, cancellationToken).ConfigureAwait(false);
        return result.Applied ? result.Version : null;
    }

    /// <summary>Extends the expiry of the entry if it still has a version.</summary>
    /// <returns>The new version; null if the entry has another one or is missing.</returns>
    public async Task<long?> TryRenewAsync(long version, TimeSpan timeout, CancellationToken cancellationToken)
    {
        WriteResult result = await client.ExpireAsync(key, options.Expiry, Guarded(version, timeout), cancellationToken).ConfigureAwait(false);
        return result.Applied && result.Existed ? result.Version : null;
    }

    /// <summary>Removes the entry if it belongs to a holder.</summary>
    /// <param name="id">The id of the holder.</param>
    /// <param name="version">The last known version of the entry; null if it is not known.</param>
    /// <param name="timeout">The deadline of each call.</param>
    /// <returns>Whether the entry belonged to the holder.</returns>
    public async Task<bool> TryRemoveAsync(string id, long? version, TimeSpan timeout)
    {
        while (true)
        {
            if (version is { } known)
            {
                WriteResult removed = await client.DeleteAsync(key, Guarded(known, timeout)).ConfigureAwait(false);
                if (removed.Applied) return removed.Existed;
                if (removed.Version == 0) return false;
            }

            // A renewal or a creation whose outcome is unknown has changed the version.
            version = await VersionOfAsync(id, timeout).ConfigureAwait(false);
            if (version is null) return false;
        }
    }

    /// <summary>Returns the version of the entry; null if it does not belong to a holder.</summary>
    public async Task<long?> VersionOfAsync(string id, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        try
        {
            Entry<LockHolder> entry = await ReadAsync(timeout, cancellationToken).ConfigureAwait(false);
            return entry.Found && entry.Value?.Id == id ? entry.Version : null;
        }
        catch (JsonException)
        {
            // Another program has overwritten the entry.
            return null;
        }
    }

    public async Task<Entry<LockHolder>> ReadAsync(TimeSpan? timeout, CancellationToken cancellationToken) =>
        await client.GetAsync(key, LockJson.Default.LockHolder, new() { Timeout = timeout }, cancellationToken).ConfigureAwait(false);

    /// <summary>Reports once when the watch is open, and then each time the entry is removed.</summary>
    public async IAsyncEnumerable<WatchEventKind> WatchRemovalsAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        bool isOpen = false;
        var watch = new WatchOptions { KeysOnly = true, ReportProgress = true };
        await foreach (WatchEvent<LockHolder> change in client.WatchAsync(key, LockJson.Default.LockHolder, watch, cancellationToken).ConfigureAwait(false))
        {
            // Other keys can begin with this one.
            bool isRemoval = change.IsRemoval && change.Key == key;
            if (!isRemoval && (isOpen || change.Kind != WatchEventKind.Progress)) continue;
            isOpen = true;
            yield return change.Kind;
        }
    }

    // Exactly once, whatever the client's default: a creation that is executed twice would find its own entry.
    private static WriteOptions Guarded(long version, TimeSpan timeout) =>
        new() { IfVersion = version, Timeout = timeout, Retry = WriteRetry.ExactlyOnce };
}
