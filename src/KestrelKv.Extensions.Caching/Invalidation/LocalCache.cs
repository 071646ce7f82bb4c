using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;

namespace KestrelKv.Extensions.Caching.Invalidation;

/// <summary>The local level of a hybrid cache: an <see cref="IMemoryCache"/> that has the same keys.</summary>
/// <param name="hybrid">The hybrid cache.</param>
/// <param name="memory">Its local level.</param>
internal sealed class LocalCache(HybridCache hybrid, IMemoryCache memory)
{
    /// <summary>The tag that stands for all entries.</summary>
    private const string AllEntries = "*";

    /// <summary>Evicts one entry. The distributed level keeps it.</summary>
    public void Evict(string key) => memory.Remove(key);

    /// <summary>Evicts all entries.</summary>
    /// <remarks>
    /// A memory cache of another type cannot be emptied. Then all entries that exist now become invalid, including those in the distributed level.
    /// </remarks>
    public ValueTask EvictAllAsync()
    {
        if (memory is not MemoryCache cache) return EvictTagAsync(AllEntries);
        cache.Clear();
        return default;
    }

    /// <summary>Makes the entries with a tag invalid that exist now. Another process has already written this to the distributed level.</summary>
    public ValueTask EvictTagAsync(string tag) => OwnWrites.SuppressAsync(() => hybrid.RemoveByTagAsync(tag));
}
