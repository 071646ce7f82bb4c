using KestrelKv.Client;

namespace KestrelKv.Extensions.AspNetCore;

/// <summary>Options of the output cache store.</summary>
public sealed class KestrelKvOutputCacheOptions
{
    /// <summary>The text before each key on the server, not empty. The default is <c>output-cache:</c>.</summary>
    public string Prefix { get; set; } = "output-cache:";

    /// <summary>
    /// The service key of the <see cref="KestrelKvClient"/>; null, the default, for the client that is registered without a key.
    /// </summary>
    public object? ClientServiceKey { get; set; }

    /// <summary>
    /// Whether the server acknowledges writes before they are synced to disk. The default is true: a page can be rendered again. A crash of the
    /// server's machine can then undo the last writes, so a page that was just evicted may exist again until it expires.
    /// </summary>
    public bool AcknowledgeFromMemory { get; set; } = true;

    /// <summary>
    /// The time after the eviction of a tag during which no page with this tag is stored: 100 milliseconds to 1 hour. The default is 5 seconds. A page
    /// that was being rendered during the eviction may show old data, and must not be stored after it. The pause must exceed twice the time that the
    /// rendering of a page takes: a page is written within half of it, or not at all. Zero stores all pages.
    /// </summary>
    public TimeSpan EvictionPause { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Returns what is wrong, or null.</summary>
    internal string? Validate()
    {
        if (string.IsNullOrEmpty(Prefix)) return "KestrelKvOutputCacheOptions.Prefix is empty, expected at least one character.";
        if (EvictionPause != TimeSpan.Zero && (EvictionPause < TimeSpan.FromMilliseconds(100) || EvictionPause > TimeSpan.FromHours(1)))
            return $"KestrelKvOutputCacheOptions.EvictionPause is {EvictionPause}, expected 00:00:00, or 00:00:00.1000000 to 01:00:00.";
        return null;
    }
}
