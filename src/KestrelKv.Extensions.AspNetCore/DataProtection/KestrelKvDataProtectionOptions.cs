using KestrelKv.Client;

namespace KestrelKv.Extensions.AspNetCore;

/// <summary>Options of the key repository of Data Protection.</summary>
public sealed class KestrelKvDataProtectionOptions
{
    /// <summary>The text before each key on the server, not empty. The default is <c>data-protection:</c>. No other data may have it.</summary>
    public string Prefix { get; set; } = "data-protection:";

    /// <summary>
    /// The service key of the <see cref="KestrelKvClient"/>; null, the default, for the client that is registered without a key.
    /// </summary>
    public object? ClientServiceKey { get; set; }

    /// <summary>
    /// Whether a server with the durability <c>Memory</c> is accepted, which loses all keys when it restarts. The default is false: without its
    /// keys, an application can read none of its cookies and tokens.
    /// </summary>
    public bool AllowMemoryDurability { get; set; }

    /// <summary>Returns what is wrong, or null.</summary>
    internal string? Validate() => string.IsNullOrEmpty(Prefix) ? "KestrelKvDataProtectionOptions.Prefix is empty, expected at least one character." : null;
}
