using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>Checks writes against the memory limit, and frees memory for them.</summary>
/// <remarks>
/// A write only checks under its locks. If there is no room, it releases its locks, reserves the memory, frees memory, which acquires the
/// locks of other shards, and starts again.
/// </remarks>
internal sealed class MemoryReclaimer(Keyspace entries, MemoryLimit limit, ICommitLog log)
{
    /// <summary>
    /// The number of places at which eviction samples entries. Shards and stripes with more, or older, entries therefore lose more of them.
    /// </summary>
    private const int EvictionPlaces = 4;

    private readonly Shard[] _shards = entries.Shards;

    public bool MustShrink => entries.Evicts && !limit.HasRoomFor(0);

    /// <summary>Whether there is memory for a change of an entry, which may not exist. Requires its shard's lock.</summary>
    public bool HasRoomFor(Shard shard, in Operation operation, Entry entry, long reservedBytes, out long neededBytes)
    {
        neededBytes = 0;
        if (operation.Kind == OperationKind.Delete) return true;
        int valueBytes = operation.Kind == OperationKind.Put ? operation.Value.Length : entry.Value.Length;
        long bytes = shard.EntryBytes(operation.Key.Length, valueBytes, operation.ExpiresAt);
        if (HasRoomFor(bytes - (entry.Exists ? Shard.EntryBytes(entry) : 0), bytes, reservedBytes, out neededBytes)) return true;

        // The write's own entry must not be evicted now.
        if (entry.Exists) shard.Touch(entry);
        return false;
    }

    /// <summary>
    /// Whether there is memory for a write whose entries grow by <paramref name="growthBytes"/> to <paramref name="writtenBytes"/>.
    /// Otherwise <paramref name="neededBytes"/> is the argument for <see cref="TryReserve"/>.
    /// </summary>
    public bool HasRoomFor(long growthBytes, long writtenBytes, long reservedBytes, out long neededBytes)
    {
        neededBytes = 0;
        if (growthBytes <= reservedBytes || limit.HasRoomFor(growthBytes - reservedBytes)) return true;

        // A write that does not fit even into an empty store evicts nothing.
        neededBytes = limit.FitsWhenEmpty(writtenBytes) ? growthBytes : long.MaxValue;
        return false;
    }

    /// <summary>
    /// Reserves memory, and removes entries until there is room or as many bytes have been removed. Must be called without locks, and
    /// followed by <see cref="Release"/> once the write is complete.
    /// </summary>
    public bool TryReserve(long bytes, ref long reservedBytes)
    {
        if (!limit.FitsWhenEmpty(bytes)) return false;

        // Reserve first, so that other writes do not take the freed memory. A write frees no more than it needs, so a small write does
        // not wait for the memory of a large one.
        limit.Count(bytes - reservedBytes);
        reservedBytes = bytes;
        for (long freed = 0; freed < bytes && !limit.HasRoomFor(0);)
        {
            long removed = Remove();
            freed += removed;
            if (removed > 0) continue;

            // Other writes reserve all memory. The last one to release its reservation wins.
            limit.Count(-reservedBytes);
            reservedBytes = 0;
            return limit.HasRoomFor(bytes);
        }
        return true;
    }

    public void Release(long reservedBytes) => limit.Count(-reservedBytes);

    /// <summary>
    /// Removes one expired entry or, if eviction is enabled, one that has not been used recently. Returns the freed bytes: 0 if there is no
    /// such entry or the log refuses the commit.
    /// </summary>
    public long Remove()
    {
        uint place = entries.Evicts ? FindOldest() : (uint)Random.Shared.Next();
        for (uint i = 0; i < _shards.Length; i++)
        {
            Shard shard = _shards[(place + i) % _shards.Length];
            shard.Enter();
            try
            {
                shard.ThrowIfClosed();
                long before = shard.MemoryBytes;
                if (shard.TryRemoveExpired(log, entries.Clock.Now()) || (entries.Evicts && shard.TryEvict(log, place)))
                    return before - shard.MemoryBytes;
            }
            finally
            {
                shard.Exit();
            }
        }
        return 0;
    }

    /// <summary>
    /// Returns the place of the least recently used entry among 16: 4 at each of 4 places, each in a different shard. Redis samples 5 and
    /// documents that 10 come very close to exact LRU.
    /// </summary>
    private uint FindOldest()
    {
        uint best = 0, maxAge = 0, first = (uint)Random.Shared.Next();
        for (uint i = 0, found = 0; i < _shards.Length && found < EvictionPlaces; i++)
        {
            uint place = ((uint)Random.Shared.Next() << Shard.ShardBits) + ((first + i) % (uint)_shards.Length);
            Shard shard = _shards[place % _shards.Length];
            shard.Enter();
            if (shard.TryFindOldest(place, out _, out uint age))
            {
                found++;
                if (age >= maxAge) (best, maxAge) = (place, age);
            }
            shard.Exit();
        }
        return best;
    }
}
