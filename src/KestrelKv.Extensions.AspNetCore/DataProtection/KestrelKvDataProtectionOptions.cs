using KestrelKv.Client;

namespace KestrelKv.Extensions.AspNetCore;

/// <summary>Options of a key repository of Data Protection.</summary>
public sealed class KestrelKvKeyRepositoryOptions
{
    /// <summary>
    /// The service key of the <see cref="KestrelKvClient"/>; null, the default, for the client that is registered without a key.
    /// </summary>
    public object? ClientServiceKey { get; set; }

    /// <summary>
    /// Whether a server with the durability <c>Memory</c> is accepted, which loses all keys when it restarts. The default is false: without its
    /// keys, an application can read none of its cookies and tokens.
    /// </summary>
    public bool AllowMemoryDurability { get; set; }
}
