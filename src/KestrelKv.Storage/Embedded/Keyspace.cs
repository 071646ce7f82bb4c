using System.Buffers;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>All entries in memory: the shards, and what these share.</summary>
/// <remarks>
/// Recovery fills it before the store exists: <see cref="Load"/> and <see cref="Replay"/> may be called by several threads, each
/// with shards of its own.
/// </remarks>
internal sealed class Keyspace : IDisposable
{
    /// <summary>How many look-ups are made together, so that their cache misses overlap.</summary>
    public const int GroupOperations = 64;

    private readonly SlabPool _slabs = new();

    /// <param name="time">The clock that expiry goes by.</param>
    /// <param name="options">The memory limit and the eviction policy.</param>
    /// <exception cref="ArgumentOutOfRangeException">The memory limit is out of its range.</exception>
    public Keyspace(TimeProvider time, EmbeddedStoreOptions options)
    {
        // Now and not at the first key: a type whose initializer has failed, because no file could be opened, can never be used again.
        _ = KeyHash.Of([]);
        Clock = new StoreClock(time);
        if (options.MemoryBytesMax != 0)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(options.MemoryBytesMax, EmbeddedStoreOptions.MemoryBytesMaxMin, nameof(options));
            Limit = new MemoryLimit(options.MemoryBytesMax);
            Evicts = options.Eviction == EvictionPolicy.Lru;
        }
        for (int i = 0; i < Shards.Length; i++) Shards[i] = new Shard(_slabs, Clock, Limit, Evicts);
        Limit?.SetEmpty();
    }

    public Shard[] Shards { get; } = new Shard[1 << Shard.ShardBits];

    public StoreClock Clock { get; }

    /// <summary>The memory limit; null if there is none.</summary>
    public MemoryLimit? Limit { get; }

    /// <summary>Whether entries are evicted at the limit.</summary>
    public bool Evicts { get; }

    /// <summary>The number of entries without internal ones.</summary>
    public long Count => Shards.Sum(shard => shard.Count);

    /// <summary>Bytes of all records of idempotent requests, read without locks.</summary>
    public long InternalBytes
    {
        get
        {
            long bytes = 0;
            foreach (Shard shard in Shards) bytes += shard.InternalBytes;
            return bytes;
        }
    }

    public Shard ShardOf(ulong hash) => Shards[Shard.IndexOf(hash)];

    /// <inheritdoc cref="SlabPool.UseSmallPages"/>
    public void UseSmallPages() => _slabs.UseSmallPages();

    /// <inheritdoc cref="SlabPool.UseHugePages"/>
    public void UseHugePages() => _slabs.UseHugePages();

    /// <summary>Frees all memory. Calls under way finish first; later ones throw <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        foreach (Shard shard in Shards) shard.Dispose();
        _slabs.Dispose();
    }

    /// <summary>Throws if any shard may have been closed before. To be called before the end of a listing is believed.</summary>
    /// <exception cref="ObjectDisposedException">The store is closed.</exception>
    public void ThrowIfClosed() => Shards[0].ThrowIfClosed();

    /// <summary>Loads the entries of hashes whose slots are being loaded into the cache.</summary>
    public void PrefetchEntries(ReadOnlySpan<ulong> hashes)
    {
        if (hashes.Length == 1) return;
        foreach (ulong hash in hashes)
        {
            Shard shard = ShardOf(hash);
            shard.Enter();
            shard.PrefetchEntry(hash);
            shard.Exit();
        }
    }

    /// <summary>Hashes keys and loads what their look-ups read into the cache.</summary>
    public void Prefetch(MergedKeys keys, ReadOnlySpan<int> group, Span<ulong> hashes)
    {
        for (int i = 0; i < group.Length; i++)
        {
            hashes[i] = KeyHash.Of(keys[group[i]]);
            ShardOf(hashes[i]).Prefetch(hashes[i]);
        }
        PrefetchEntries(hashes[..group.Length]);
    }

    /// <summary>Adds the entries of a snapshot that belong to some shards, none of which is there.</summary>
    /// <param name="entries">Records with versions, which have been checked.</param>
    /// <param name="parts">The number of parts into which the shards are divided.</param>
    /// <param name="part">The part to load.</param>
    public void Load(ReadOnlySpan<byte> entries, int parts, int part)
    {
        Span<ulong> hashes = stackalloc ulong[GroupOperations];
        Span<int> starts = stackalloc int[GroupOperations];
        for (ReadOnlySpan<byte> rest = entries; !rest.IsEmpty;)
        {
            // As with operations: what the look-ups read is loaded into the cache first.
            int group = 0;
            while (group < GroupOperations && !rest.IsEmpty)
            {
                int start = entries.Length - rest.Length;
                Record.TryRead(ref rest, out Record record);
                ulong hash = KeyHash.Of(record.Key);
                if (Shard.IndexOf(hash) % parts != part) continue;
                ShardOf(hash).Prefetch(hash);
                hashes[group] = hash;
                starts[group++] = start;
            }
            for (int i = 0; i < group; i++)
            {
                ReadOnlySpan<byte> entry = entries[starts[i]..];
                Record.TryRead(ref entry, out Record record);
                Apply(record, hashes[i], record.Version, isLast: true);
            }
        }
    }

    /// <summary>Applies the changes of a commit that belong to some shards.</summary>
    /// <param name="records">The commit's payload, which has been checked.</param>
    /// <param name="version">The commit's version.</param>
    /// <param name="parts">The number of parts into which the shards are divided.</param>
    /// <param name="part">The part to apply.</param>
    public void Replay(ReadOnlySpan<byte> records, long version, int parts = 1, int part = 0)
    {
        while (!records.IsEmpty)
        {
            Record.TryRead(ref records, out Record record);
            ulong hash = KeyHash.Of(record.Key);
            if (Shard.IndexOf(hash) % parts == part) Apply(record, hash, version, isLast: false);
        }
    }

    /// <summary>Copies all entries, as records with versions, in the order of their keys.</summary>
    /// <remarks>
    /// Each lock is held for a few keys or one entry at a time. Every entry that exists throughout is copied exactly once, as it is at
    /// some time in between.
    /// </remarks>
    /// <param name="bytesMin">The least size of a chunk; a chunk exceeds it by one entry at most, and the last one may be smaller.</param>
    /// <param name="write">Takes a chunk. It is called without locks.</param>
    /// <returns>The number of entries.</returns>
    public long CopyEntries(int bytesMin, Action<ReadOnlySpan<byte>> write)
    {
        using var keys = new MergedKeys(Shards, new ListQuery { Limit = int.MaxValue }, withInternal: true);
        var chunk = new ArrayBufferWriter<byte>(2 * bytesMin);
        long count = 0;
        Span<int> group = stackalloc int[GroupOperations];
        Span<ulong> hashes = stackalloc ulong[GroupOperations];
        while (keys.Take(group) is > 0 and int taken)
        {
            Prefetch(keys, group[..taken], hashes);
            for (int i = 0; i < taken; i++)
            {
                if (CopyEntry(keys[group[i]], hashes[i], chunk)) count++;
                if (chunk.WrittenCount < bytesMin) continue;

                write(chunk.WrittenSpan);
                if (chunk.Capacity > 16 * bytesMin) chunk = new ArrayBufferWriter<byte>(2 * bytesMin);
                chunk.ResetWrittenCount();
            }
        }
        if (chunk.WrittenCount > 0) write(chunk.WrittenSpan);
        return count;
    }

    private bool CopyEntry(ReadOnlySpan<byte> key, ulong hash, ArrayBufferWriter<byte> chunk)
    {
        Shard shard = ShardOf(hash);
        shard.Enter();
        try
        {
            // The key may have gone since its shard listed it.
            shard.ThrowIfClosed();
            Entry entry = shard.Find(key, hash, out _);
            if (!entry.Exists) return false;
            var record = new Record
            {
                Kind = RecordKind.Put, Key = entry.Key, Value = entry.Value, ExpiresAt = entry.ExpiresAt, Version = entry.Version,
            };
            record.Write(chunk.GetSpan(record.Bytes));
            chunk.Advance(record.Bytes);
            return true;
        }
        finally
        {
            shard.Exit();
        }
    }

    private void Apply(in Record record, ulong hash, long version, bool isLast)
    {
        Shard shard = ShardOf(hash);
        shard.Enter();
        try
        {
            shard.Apply(record, hash, version, isLast);
        }
        finally
        {
            shard.Exit();
        }
    }
}
