using System.Buffers;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>All entries in memory: the shards, and their shared state.</summary>
/// <remarks>
/// Recovery fills it before the store is created. Several threads may call <see cref="Load"/> and <see cref="Replay"/>, each for
/// different shards.
/// </remarks>
internal sealed class Keyspace : IDisposable
{
    /// <summary>The number of look-ups made as a group, so that their cache misses overlap.</summary>
    public const int GroupOperations = 64;

    private readonly SlabPool _slabs = new();

    public Keyspace(TimeProvider time, EmbeddedStoreOptions options)
    {
        // Initializes KeyHash now. If its type initializer failed later, for lack of file handles, the type would remain unusable.
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

    public MemoryLimit? Limit { get; }

    /// <summary>Whether entries may be evicted at the limit.</summary>
    public bool Evicts { get; }

    public long Count => Shards.Sum(shard => shard.Count);

    /// <summary>The total size of all idempotency records, in bytes. Read without locks.</summary>
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

    /// <summary>Frees all memory. Calls in progress finish first. Later calls throw <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        foreach (Shard shard in Shards) shard.Dispose();
        _slabs.Dispose();
    }

    /// <summary>Throws if the store is closed, or being closed. Must be called before the end of a listing is reported.</summary>
    public void ThrowIfClosed() => Shards[0].ThrowIfClosed();

    /// <summary>Prefetches the entries of hashes whose slots were prefetched.</summary>
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

    public void Prefetch(MergedKeys keys, ReadOnlySpan<int> group, Span<ulong> hashes)
    {
        for (int i = 0; i < group.Length; i++)
        {
            hashes[i] = KeyHash.Of(keys[group[i]]);
            ShardOf(hashes[i]).Prefetch(hashes[i]);
        }
        PrefetchEntries(hashes[..group.Length]);
    }

    /// <summary>
    /// Adds the entries of a snapshot, verified records with versions, for the shards whose index modulo <paramref name="parts"/> is
    /// <paramref name="part"/>. None of their keys may exist yet.
    /// </summary>
    public void Load(ReadOnlySpan<byte> entries, int parts, int part)
    {
        Span<ulong> hashes = stackalloc ulong[GroupOperations];
        Span<int> starts = stackalloc int[GroupOperations];
        for (ReadOnlySpan<byte> rest = entries; !rest.IsEmpty;)
        {
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

    /// <summary>Applies the verified records of a commit, for the shards selected as in <see cref="Load"/>.</summary>
    public void Replay(ReadOnlySpan<byte> records, long version, int parts = 1, int part = 0)
    {
        while (!records.IsEmpty)
        {
            Record.TryRead(ref records, out Record record);
            ulong hash = KeyHash.Of(record.Key);
            if (Shard.IndexOf(hash) % parts == part) Apply(record, hash, version, isLast: false);
        }
    }

    /// <summary>
    /// Copies all entries, as records with versions, in key order, and returns their number. Passes chunks to <paramref name="write"/>
    /// without holding locks. All except the last have at least <paramref name="bytesMin"/> bytes, and at most one entry more.
    /// </summary>
    /// <remarks>
    /// Each lock is held for a few keys or one entry at a time. Every entry that exists throughout is copied exactly once, in a state that
    /// it had during the call.
    /// </remarks>
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
            // The key may have been removed since it was copied.
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
