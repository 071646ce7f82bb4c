namespace KestrelKv.Storage.Embedded;

public sealed partial class EmbeddedStore
{
    /// <inheritdoc/>
    public ValueTask<bool> ListAsync(ListQuery query, IEntrySink entries, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        bool more = List(query, entries, cancellationToken, out long seen);

        // A key that is not listed may have been removed recently.
        foreach (Shard shard in _entries.Shards) seen = Math.Max(seen, shard.LastRemoval);
        return WhenDurable(more, seen, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<long> CountAsync(ListQuery query, CancellationToken cancellationToken = default) =>
        EntryCount.OfAsync(this, query, cancellationToken);

    private bool List(ListQuery query, IEntrySink entries, CancellationToken cancellationToken, out long seen)
    {
        seen = 0;
        using var keys = new MergedKeys(_entries.Shards, query);
        Span<int> group = stackalloc int[Keyspace.GroupOperations];
        Span<ulong> hashes = stackalloc ulong[Keyspace.GroupOperations];
        int listed = 0;
        bool isStopped = false;

        // One key beyond the limit determines whether more entries follow.
        while (keys.Take(group[..(Math.Min(query.Limit - listed, Keyspace.GroupOperations - 1) + 1)]) is > 0 and int count)
        {
            _entries.Prefetch(keys, group[..count], hashes);
            for (int i = 0; i < count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                ReadOnlySpan<byte> key = keys[group[i]];
                Shard shard = _entries.ShardOf(hashes[i]);
                shard.Enter();
                try
                {
                    // The key may have been removed since it was copied.
                    shard.ThrowIfClosed();
                    Entry entry = shard.Find(key, hashes[i], out _);
                    if (!entry.Exists) continue;

                    // The result depends on the entry's last change, whether it is listed, expired or beyond the limit.
                    seen = Math.Max(seen, entry.Version);
                    if (HasExpired(entry)) continue;
                    if (isStopped || listed == query.Limit) return true;

                    listed++;
                    isStopped = !entries.OnEntry(new EntryView
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
        _entries.ThrowIfClosed();
        return false;
    }
}
