using System.Buffers;
using KestrelKv.Storage.Durability;

namespace KestrelKv.Storage.Embedded;

/// <summary>What the store does in the order of keys: listings, and copies of all entries.</summary>
public sealed partial class EmbeddedStore
{
    /// <inheritdoc/>
    public ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        bool more = List(query, entries, cancellationToken, out long seen);

        // What is not told may have been removed.
        foreach (Shard shard in _shards) seen = Math.Max(seen, shard.LastRemoval);
        return WhenTellable(more, seen, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<long> CountAsync(ListQuery query, CancellationToken cancellationToken = default)
    {
        var counter = new EntryCounter();
        await ListAsync(query, counter, cancellationToken);
        return counter.Count;
    }

    private bool List(ListQuery query, IEntrySink entries, CancellationToken cancellationToken, out long seen)
    {
        seen = 0;
        using var keys = new MergedKeys(_shards, query);
        Span<int> group = stackalloc int[GroupOperations];
        Span<ulong> hashes = stackalloc ulong[GroupOperations];
        int told = 0;
        bool stopped = false;

        // One key beyond the limit tells whether there are more.
        while (keys.Take(group[..(Math.Min(query.Limit - told, GroupOperations - 1) + 1)]) is > 0 and int count)
        {
            Fetch(keys, group[..count], hashes);
            for (int i = 0; i < count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                ReadOnlySpan<byte> key = keys[group[i]];
                Shard shard = ShardOf(hashes[i]);
                shard.Enter();
                try
                {
                    // The key may have gone since its shard gave it.
                    Entry entry = shard.Find(key, hashes[i], out _);
                    if (!entry.Exists) continue;

                    // Told or not: that it has expired, or that there is one more, is known by its last change.
                    seen = Math.Max(seen, entry.Version);
                    if (HasExpired(entry)) continue;
                    if (stopped || told == query.Limit) return true;

                    told++;
                    stopped = !entries.OnEntry(new EntryView
                    {
                        Key = key, Value = entry.Value, Version = entry.Version, ExpiresAt = entry.ExpiresAt,
                    });
                }
                finally
                {
                    shard.Exit();
                }
            }
        }
        return false;
    }

    /// <summary>
    /// Copies all entries, as records with versions, in the order of their keys. Each shard's lock is held for some keys or
    /// one entry at a time: every entry that is there all the while is copied exactly once, as it is at some time in between.
    /// </summary>
    /// <param name="bytesMin">What a chunk has, but for the last one; it has one entry more at the most.</param>
    /// <param name="write">Takes a chunk. Without locks.</param>
    /// <returns>How many.</returns>
    internal long CopyEntries(int bytesMin, Action<ReadOnlySpan<byte>> write)
    {
        using var keys = new MergedKeys(_shards, new ListQuery { Limit = int.MaxValue }, withHidden: true);
        var chunk = new ArrayBufferWriter<byte>(2 * bytesMin);
        long count = 0;
        Span<int> group = stackalloc int[GroupOperations];
        Span<ulong> hashes = stackalloc ulong[GroupOperations];
        while (keys.Take(group) is > 0 and int taken)
        {
            Fetch(keys, group[..taken], hashes);
            for (int i = 0; i < taken; i++)
            {
                Shard shard = ShardOf(hashes[i]);
                shard.Enter();
                try
                {
                    Entry entry = shard.Find(keys[group[i]], hashes[i], out _);
                    if (!entry.Exists) continue;
                    var record = new Record
                    {
                        Kind = RecordKind.Put, Key = entry.Key, Value = entry.Value, ExpiresAt = entry.ExpiresAt, Version = entry.Version,
                    };
                    record.Write(chunk.GetSpan(record.Bytes));
                    chunk.Advance(record.Bytes);
                    count++;
                }
                finally
                {
                    shard.Exit();
                }
                if (chunk.WrittenCount < bytesMin) continue;

                write(chunk.WrittenSpan);
                if (chunk.Capacity > 16 * bytesMin) chunk = new ArrayBufferWriter<byte>(2 * bytesMin);
                chunk.ResetWrittenCount();
            }
        }
        if (chunk.WrittenCount > 0) write(chunk.WrittenSpan);
        return count;
    }

    private sealed class EntryCounter : IEntrySink
    {
        public long Count { get; private set; }

        public bool OnEntry(in EntryView entry)
        {
            Count++;
            return true;
        }
    }

    /// <inheritdoc cref="Fetch(ReadOnlySpan{Operation}, Span{ulong})"/>
    private void Fetch(MergedKeys keys, ReadOnlySpan<int> group, Span<ulong> hashes)
    {
        for (int i = 0; i < group.Length; i++)
        {
            hashes[i] = KeyHash.Of(keys[group[i]]);
            ShardOf(hashes[i]).Prefetch(hashes[i]);
        }
        FetchEntries(hashes[..group.Length]);
    }
}
