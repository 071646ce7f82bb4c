using KestrelKv.Client;
using Microsoft.Extensions.Caching.Distributed;

namespace KestrelKv.Extensions.Caching;

/// <summary>Options of a distributed cache.</summary>
public sealed class KestrelKvDistributedCacheOptions
{
    /// <summary>
    /// The text before each key on the server, not empty. The default is <c>cache:</c>. Give each application that shares a server its own
    /// prefix. A user of the server needs the rights <c>read</c> and <c>write</c> to it, for invalidation also <c>watch</c>.
    /// </summary>
    public string Prefix { get; set; } = "cache:";

    /// <summary>
    /// The expiry of entries that are set without any. Null, the default, for none: such entries stay until they are removed. Either relative
    /// to the time of the write or sliding, or both.
    /// </summary>
    public DistributedCacheEntryOptions? DefaultEntryOptions { get; set; }

    /// <summary>
    /// The service key of the <see cref="KestrelKvClient"/>; null, the default, for the client that is registered without a key.
    /// </summary>
    public object? ClientServiceKey { get; set; }

    /// <summary>
    /// Whether the server acknowledges writes before they are synced to disk, and whether reads return values that are not synced yet. The
    /// default is true: a cache can be filled again, and its callers do not wait for the disk. A crash of the server's machine can then undo the
    /// last writes, so an entry that was just removed or replaced may exist again with its previous value.
    /// </summary>
    public bool AcknowledgeFromMemory { get; set; } = true;

    /// <summary>Returns what is wrong, or null.</summary>
    internal string? Validate()
    {
        if (string.IsNullOrEmpty(Prefix)) return "KestrelKvDistributedCacheOptions.Prefix is empty, expected at least one character.";
        if (DefaultEntryOptions?.AbsoluteExpiration is { } time)
            return $"KestrelKvDistributedCacheOptions.DefaultEntryOptions.AbsoluteExpiration is {time:O}, expected null. Use AbsoluteExpirationRelativeToNow or SlidingExpiration.";
        return null;
    }
}
