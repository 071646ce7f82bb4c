using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>Checks writes against the memory limit, and frees memory for them.</summary>
/// <remarks>
/// A write only checks under its locks. If there is no room it releases them, reserves what it needs, frees memory, which takes the
/// locks of other shards, and starts again.
/// </remarks>
internal sealed class MemoryRoom(Keyspace entries, MemoryLimit limit, ICommitLog log)
{
    /// <summary>
    /// At how many places an entry to evict is looked for: so shards and stripes that have more, and older, entries
    /// than others give more.
    /// </summary>
    private const int EvictionPlaces = 4;

    private readonly Shard[] _shards = entries.Shards;

    /// <summary>Whether the memory in use exceeds the limit and entries may be evicted.</summary>
    public bool MustShrink => entries.Evicts && !limit.HasRoomFor(0);

    /// <summary>Whether there is memory for a change of an entry, which may not exist. Under its shard's lock.</summary>
    public bool HasRoomFor(Shard shard, in Operation operation, Entry entry, long reservedBytes, out long neededBytes)
    {
        neededBytes = 0;
        if (operation.Kind == OperationKind.Delete) return true;
        int valueBytes = operation.Kind == OperationKind.Put ? operation.Value.Length : entry.Value.Length;
        long bytes = shard.EntryBytes(operation.Key.Length, valueBytes, operation.ExpiresAt);
        if (HasRoomFor(bytes - (entry.Exists ? Shard.EntryBytes(entry) : 0), bytes, reservedBytes, out neededBytes)) return true;

        // Its own entry must not be evicted now.
        if (entry.Exists) shard.Touch(entry);
        return false;
    }

    /// <summary>Whether there is memory for a write.</summary>
    /// <param name="growthBytes">By how much its entries grow.</param>
    /// <param name="writtenBytes">The size of its entries afterwards.</param>
    /// <param name="reservedBytes">What is reserved for it already.</param>
    /// <param name="neededBytes">The argument for <see cref="TryMake"/>; 0 if there is room.</param>
    public bool HasRoomFor(long growthBytes, long writtenBytes, long reservedBytes, out long neededBytes)
    {
        neededBytes = 0;
        if (growthBytes <= reservedBytes || limit.HasRoomFor(growthBytes - reservedBytes)) return true;

        // Nothing is evicted for a write that does not fit even into an empty store.
        neededBytes = limit.AllowsEver(writtenBytes) ? growthBytes : long.MaxValue;
        return false;
    }

    /// <summary>
    /// Reserves bytes, and removes entries until there is room for them, or until as many bytes have been removed. To be
    /// followed by <see cref="Release"/> once the write is done. Without any lock.
    /// </summary>
    public bool TryMake(long bytes, ref long reservedBytes)
    {
        if (!limit.AllowsEver(bytes)) return false;

        // Reserved first, so that others do not take what is freed. Each write frees only what it takes, so that a small
        // write does not wait for the room that a large one needs.
        limit.Count(bytes - reservedBytes);
        reservedBytes = bytes;
        for (long freed = 0; freed < bytes && !limit.HasRoomFor(0);)
        {
            long removed = Remove();
            freed += removed;
            if (removed > 0) continue;

            // All memory is reserved by others: the last writer to release its reservation wins.
            limit.Count(-reservedBytes);
            reservedBytes = 0;
            return limit.HasRoomFor(bytes);
        }
        return true;
    }

    /// <summary>Ends a reservation.</summary>
    public void Release(long reservedBytes) => limit.Count(-reservedBytes);

    /// <summary>Removes one entry: an expired one or, if entries may be evicted, one that was used long ago.</summary>
    /// <returns>The bytes that it took; 0 if there is none, or the log refuses the commit.</returns>
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
    /// Returns the place of the entry used longest ago among 16: 4 at each of 4 places, each in another shard. Redis samples 5
    /// and documents that 10 come very close to an exact LRU.
    /// </summary>
    private uint FindOldest()
    {
        uint best = 0, most = 0, first = (uint)Random.Shared.Next();
        for (uint i = 0, found = 0; i < _shards.Length && found < EvictionPlaces; i++)
        {
            uint place = ((uint)Random.Shared.Next() << Shard.ShardBits) + ((first + i) % (uint)_shards.Length);
            Shard shard = _shards[place % _shards.Length];
            shard.Enter();
            if (shard.TryFindOldest(place, out _, out uint age))
            {
                found++;
                if (age >= most) (best, most) = (place, age);
            }
            shard.Exit();
        }
        return best;
    }
}
