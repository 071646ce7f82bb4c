using KestrelKv.Storage.Durability;

namespace KestrelKv.Storage.Embedded;

/// <summary>What the store does where it has a log: what it waits for, and how it is loaded.</summary>
public sealed partial class EmbeddedStore
{
    /// <summary>Null for a store in memory.</summary>
    private WriteAheadLog? _log;

    /// <summary>Whether what is told has to be durable first.</summary>
    private bool _waitsForDisk;
    private ICommitOrder _commits;
    private bool _mustNotSweep;

    /// <summary>A store to be loaded: to be followed by <see cref="LogTo"/>, with nothing but loading in between.</summary>
    internal static EmbeddedStore ForLoading(TimeProvider time, EmbeddedStoreOptions options)
    {
        var store = new EmbeddedStore(time, options) { _mustNotSweep = true };
        store._slabs.UseSmallPages();
        return store;
    }

    /// <summary>From now on all commits go to a log.</summary>
    internal void LogTo(WriteAheadLog log, bool waitsForDisk)
    {
        _log = log;
        _commits = log;
        _waitsForDisk = waitsForDisk;
        foreach (Shard shard in _shards) shard.Commits = log;
        lock (_sweeping) _mustNotSweep = false;
        _slabs.UseHugePages();
    }

    /// <summary>What has expired is no longer removed: the log is being closed.</summary>
    internal void StopSweeping()
    {
        lock (_sweeping) _mustNotSweep = true;
    }

    /// <summary>
    /// Adds entries of a snapshot that belong to some shards, none of which is there. For several threads, each with
    /// other shards.
    /// </summary>
    /// <param name="entries">Records with versions, which have been checked.</param>
    /// <param name="parts">Into how many parts the shards are divided.</param>
    /// <param name="part">Which of them this is for.</param>
    internal void Load(ReadOnlySpan<byte> entries, int parts, int part)
    {
        Span<ulong> hashes = stackalloc ulong[GroupOperations];
        Span<int> starts = stackalloc int[GroupOperations];
        for (ReadOnlySpan<byte> rest = entries; !rest.IsEmpty;)
        {
            // As with operations: first what will be looked at is fetched into the cache.
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
                Shard shard = ShardOf(hashes[i]);
                shard.Enter();
                shard.Append(record.Key, hashes[i], record.Value, record.Version, record.ExpiresAt);
                shard.Exit();
            }
        }
    }

    /// <summary>
    /// Makes the changes of a commit again that concern some shards. An entry that has a later version, from a snapshot
    /// that was taken while commits went on, is left as it is. For several threads, each with other shards.
    /// </summary>
    /// <param name="records">The commit's payload, which has been checked.</param>
    /// <param name="version">The commit's version.</param>
    /// <param name="parts">Into how many parts the shards are divided.</param>
    /// <param name="part">Which of them this is for.</param>
    internal void Replay(ReadOnlySpan<byte> records, long version, int parts = 1, int part = 0)
    {
        while (!records.IsEmpty)
        {
            Record.TryRead(ref records, out Record record);
            ulong hash = KeyHash.Of(record.Key);
            if (Shard.IndexOf(hash) % parts != part) continue;

            Shard shard = ShardOf(hash);
            shard.Enter();
            try
            {
                Entry entry = shard.Find(record.Key, hash, out int slot);
                if (entry.Exists && entry.Version > version) continue;
                if (record.Kind == RecordKind.Put)
                {
                    if (entry.Exists) shard.Overwrite(entry, slot, hash, record.Value, version, record.ExpiresAt);
                    else shard.Add(record.Key, hash, record.Value, version, record.ExpiresAt);
                }
                else if (entry.Exists)
                {
                    if (record.Kind == RecordKind.SetExpiry) shard.Overwrite(entry, slot, hash, entry.Value, version, record.ExpiresAt);
                    else shard.Remove(entry, slot, hash, version);
                }
            }
            finally
            {
                shard.Exit();
            }
        }
    }

    /// <summary>The most that one of the operations needs in the log; 0 where all only read.</summary>
    private static long LargestCommit(ReadOnlySpan<Operation> operations)
    {
        long most = 0;
        foreach (ref readonly Operation operation in operations) most = Math.Max(most, CommitBytes(operation));
        return most;
    }

    /// <summary>What a batch needs in the log at the most; 0 where it only reads.</summary>
    private static long CommitBytes(ReadOnlySpan<Operation> batch, int requestIdBytes)
    {
        long bytes = requestIdBytes == 0 ? 0 : Frame.HeaderBytes + Record.BytesAround + requestIdBytes;
        foreach (ref readonly Operation operation in batch) bytes += CommitBytes(operation);

        // A longer frame would not be taken for one when it is read again.
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Frame.PayloadBytesMax, nameof(batch));
        return bytes;
    }

    private static long CommitBytes(in Operation operation) =>
        operation.IsWrite ? Frame.HeaderBytes + Record.BytesAround + operation.Key.Length + operation.Value.Length : 0;

    /// <summary>Executes operations from one on, after waiting, and waits again wherever the log is not ready.</summary>
    private async ValueTask<int> ExecuteAsync(
        Task? ready, ReadOnlyMemory<Operation> operations, int from, long seen, IResultSink results, CancellationToken cancellationToken)
    {
        if (ready is not null) await ready.WaitAsync(cancellationToken);
        while (true)
        {
            Task progress = _log!.NextProgress;
            from = Execute(operations.Span, from, results, ref seen, out Shortage shortage);
            if (shortage.LogBytes == 0) return await WhenTellable(from, seen, cancellationToken);
            _log.WantSegment(shortage.LogBytes);
            await progress.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Whether what a commit has left behind may be told at all; if so, remembers that it has to be durable first.</summary>
    private bool MayTell(long version, ref long seen)
    {
        if (_waitsForDisk && _log!.Failure is not null && version > _log.DurableVersion) return false;
        seen = Math.Max(seen, version);
        return true;
    }

    private bool MayTell(in Operation operation, long version, ref long seen) =>
        operation.AcknowledgeFromMemory || MayTell(version, ref seen);

    /// <summary>Completes once all commits up to what was seen may be told of.</summary>
    private ValueTask<int> WhenTellable(int result, long seen, CancellationToken cancellationToken)
    {
        if (_log is null) return new(result);
        if (_log.HasQueued) _log.Kick?.Invoke();
        if (!_waitsForDisk) return new(result);
        ValueTask<int> wait = _log.WhenDurable(seen, result);
        return cancellationToken.CanBeCanceled && !wait.IsCompleted ? new(wait.AsTask().WaitAsync(cancellationToken)) : wait;
    }

    private ValueTask<bool> WhenTellable(bool result, long seen, CancellationToken cancellationToken)
    {
        if (_log is null) return new(result);
        if (_log.HasQueued) _log.Kick?.Invoke();
        if (!_waitsForDisk) return new(result);
        ValueTask<bool> wait = _log.WhenDurable(seen, result);
        return cancellationToken.CanBeCanceled && !wait.IsCompleted ? new(wait.AsTask().WaitAsync(cancellationToken)) : wait;
    }
}
