namespace KestrelKv.Storage.Embedded;

/// <summary>Whether a limited memory has room for a write, and how room is made.</summary>
/// <remarks>
/// Under its locks a write only asks. Where there is no room it leaves them, has room made, which takes the locks of other
/// shards, and begins again. What it needs is reserved meanwhile.
/// </remarks>
internal sealed class MemoryRoom(Shard[] shards, MemoryLimit limit, StoreClock clock, bool evicts)
{
    /// <summary>
    /// At how many places an entry to evict is looked for: so shards and segments that have more, and older, entries
    /// than others give more.
    /// </summary>
    private const int EvictionPlaces = 4;

    /// <inheritdoc cref="MemoryLimit.BytesMax"/>
    public long BytesMax => limit.BytesMax;

    /// <summary>Whether there is memory for an operation on an entry, which may not exist; under its shard's lock. If not, tells how much it asks for.</summary>
    public bool HasRoomFor(Shard shard, in Operation operation, Entry entry, long reservedBytes, out long neededBytes)
    {
        neededBytes = 0;
        if (operation.Kind == OperationKind.Delete) return true;
        int valueBytes = operation.Kind == OperationKind.Put ? operation.Value.Length : entry.Value.Length;
        long bytes = shard.EntryBytes(operation.Key.Length, valueBytes, operation.ExpiresAt);
        if (HasRoomFor(bytes - (entry.Exists ? Shard.EntryBytes(entry) : 0), bytes, reservedBytes, out neededBytes)) return true;

        // The room that is made now must not be its own.
        if (entry.Exists) shard.Touch(entry);
        return false;
    }

    /// <summary>Whether there is memory for a write; if not, tells how much it asks for.</summary>
    /// <param name="growthBytes">By how much its entries grow.</param>
    /// <param name="writtenBytes">How much they take then.</param>
    /// <param name="reservedBytes">What is reserved for it already.</param>
    /// <param name="neededBytes">What to ask <see cref="TryMake"/> for; 0 where there is room.</param>
    public bool HasRoomFor(long growthBytes, long writtenBytes, long reservedBytes, out long neededBytes)
    {
        neededBytes = 0;
        if (growthBytes <= reservedBytes || limit.HasRoomFor(growthBytes - reservedBytes)) return true;

        // Where it does not fit without any other entry, nothing is to be evicted for it.
        neededBytes = limit.AllowsEver(writtenBytes) ? growthBytes : long.MaxValue;
        return false;
    }

    /// <summary>
    /// Reserves so many bytes, and removes entries until there is room for them, or until as many have been removed. To be
    /// followed by <see cref="GiveBack"/> once the write is done. Without any lock.
    /// </summary>
    public bool TryMake(long bytes, ref long reservedBytes)
    {
        if (!limit.AllowsEver(bytes)) return false;

        // Reserved first: others would take what is made free. And each frees only what it takes, so that a small write
        // does not wait for the room that a large one needs.
        limit.Count(bytes - reservedBytes);
        reservedBytes = bytes;
        for (long freed = 0; freed < bytes && !limit.HasRoomFor(0);)
        {
            long removed = Remove();
            freed += removed;
            if (removed > 0) continue;

            // All is reserved by others: who gives up last gets it.
            limit.Count(-reservedBytes);
            reservedBytes = 0;
            return limit.HasRoomFor(bytes);
        }
        return true;
    }

    /// <summary>Ends a reservation.</summary>
    public void GiveBack(long reservedBytes) => limit.Count(-reservedBytes);

    /// <summary>
    /// Removes an entry to make room: one that has expired, or else, if it is to evict, one that was used long ago.
    /// </summary>
    /// <returns>How many bytes it took; 0 where there is none.</returns>
    private long Remove()
    {
        uint place = evicts ? FindOldest() : (uint)Random.Shared.Next();
        for (uint i = 0; i < shards.Length; i++)
        {
            Shard shard = shards[(place + i) % shards.Length];
            shard.Enter();
            try
            {
                long before = shard.MemoryBytes;
                if (shard.TryRemoveExpired(clock.Now()) || (evicts && shard.TryEvict(place))) return before - shard.MemoryBytes;
            }
            finally
            {
                shard.Exit();
            }
        }
        return 0;
    }

    /// <summary>
    /// Where the entry is that was used longest ago, of a few at each of several places, each in another shard: of 16 in
    /// all. Redis looks at 5, and says that 10 come very close to all.
    /// </summary>
    private uint FindOldest()
    {
        uint best = 0, most = 0, first = (uint)Random.Shared.Next();
        for (uint i = 0, found = 0; i < shards.Length && found < EvictionPlaces; i++)
        {
            uint place = ((uint)Random.Shared.Next() << Shard.ShardBits) + ((first + i) % (uint)shards.Length);
            Shard shard = shards[place % shards.Length];
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
