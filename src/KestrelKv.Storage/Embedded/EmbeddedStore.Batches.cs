using System.Buffers;

namespace KestrelKv.Storage.Embedded;

/// <summary>What the store does with atomic batches, and how it remembers those that have a request id.</summary>
public sealed partial class EmbeddedStore
{
    /// <inheritdoc/>
    public ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, ReadOnlyMemory<byte> requestId = default,
        CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(requestId.Length, IKeyValueStore.RequestIdBytesMax, nameof(requestId));
        if (_log is { } log && CommitBytes(batch.Span, requestId.Length) is > 0 and long bytes && log.WhenReady(bytes) is { } ready)
            return CommitAsync(ready, batch, results, requestId, cancellationToken);

        bool committed = Commit(batch.Span, results, requestId.Span, out long seen, out Shortage shortage);
        return shortage.LogBytes == 0
            ? WhenTellable(committed, seen, cancellationToken)
            : CommitAsync(null, batch, results, requestId, cancellationToken);
    }

    private async ValueTask<bool> CommitAsync(
        Task? ready, ReadOnlyMemory<Operation> batch, IResultSink results, ReadOnlyMemory<byte> requestId,
        CancellationToken cancellationToken)
    {
        if (ready is not null) await ready.WaitAsync(cancellationToken);
        while (true)
        {
            Task progress = _log!.NextProgress;
            bool committed = Commit(batch.Span, results, requestId.Span, out long seen, out Shortage shortage);
            if (shortage.LogBytes == 0) return await WhenTellable(committed, seen, cancellationToken);
            _log.WantSegment(shortage.LogBytes);
            await progress.WaitAsync(cancellationToken);
        }
    }

    private bool Commit(
        ReadOnlySpan<Operation> batch, IResultSink results, ReadOnlySpan<byte> requestId, out long seen, out Shortage shortage)
    {
        if (requestId.IsEmpty) return Commit(batch, isRemembered: false, results, out seen, out shortage);

        // What is remembered of the request is put with the batch, behind it.
        Operation[] withMemory = [.. batch, Operation.Put(HiddenKey.OfRequest(requestId), default)];
        return Commit(withMemory, isRemembered: true, results, out seen, out shortage);
    }

    /// <summary>Commits a batch under the locks of all shards concerned, and makes room for it where it lacks it.</summary>
    private bool Commit(ReadOnlySpan<Operation> batch, bool isRemembered, IResultSink results, out long seen, out Shortage shortage)
    {
        seen = 0;
        ulong[] rented = ArrayPool<ulong>.Shared.Rent(batch.Length);
        Span<ulong> hashes = rented.AsSpan(0, batch.Length);
        uint shards = 0;
        for (int i = 0; i < batch.Length; i++)
        {
            hashes[i] = KeyHash.Of(batch[i].Key.Span);
            shards |= 1u << Shard.IndexOf(hashes[i]);
        }

        if (_evicts) _clock.RefreshUseTime();
        long reservedBytes = 0;
        var rehearsal = new BatchRehearsal(batch, hashes, isRemembered, _documents);
        try
        {
            while (true)
            {
                bool committed;
                EnterAll(shards);
                try
                {
                    committed = Commit(ref rehearsal, results, reservedBytes, ref seen, out shortage);
                }
                finally
                {
                    ExitAll(shards);
                }
                if (shortage.MemoryBytes == 0) return committed;
                if (_room!.TryMake(shortage.MemoryBytes, ref reservedBytes)) continue;
                shortage = default;
                results.OnResult(rehearsal.LargestIndex, RefusedForMemory());
                return false;
            }
        }
        finally
        {
            rehearsal.Dispose();
            _room?.GiveBack(reservedBytes);
            ArrayPool<ulong>.Shared.Return(rented);
        }
    }

    /// <summary>Under the locks of all shards concerned. Where there is a shortage, does nothing but tell of it.</summary>
    private bool Commit(ref BatchRehearsal rehearsal, IResultSink results, long reservedBytes, ref long seen, out Shortage shortage)
    {
        shortage = default;
        long now = _clock.Now();
        RemoveExpired(rehearsal, now);
        if (rehearsal.IsRemembered &&
            Find(rehearsal, rehearsal.Batch.Length - 1, out _) is { Exists: true } remembered && !remembered.IsExpired(now))
        {
            if (!MayTell(remembered.Version, ref seen)) return RefuseForDisk(CommitStatus.DiskFailed, results);
            return RememberedResults.Tell(remembered.Value, rehearsal.Digest, remembered.Version, results);
        }

        // A batch that is refused, or only reads, tells what the last changes of its keys were.
        if (!rehearsal.AcknowledgesFromMemory && !MayTell(LastChange(rehearsal), ref seen))
            return RefuseForDisk(CommitStatus.DiskFailed, results);

        CommitStatus status;
        long version;
        do
        {
            long next = _commits.Last + 1;
            rehearsal.Play(_shards, now, next);
            if (rehearsal.IsRefused && !rehearsal.IsRemembered)
            {
                results.OnResult(rehearsal.RefusedIndex, rehearsal.Refusal);
                return false;
            }
            if (rehearsal.IsRemembered) rehearsal.Remember(_shards, now + (long)_requestIdWindow.TotalMilliseconds);
            if (_room is not null && !_room.HasRoomFor(rehearsal.GrowthBytes, rehearsal.WrittenBytes, reservedBytes, out long memoryBytes))
            {
                TouchAll(rehearsal);
                shortage = new(memoryBytes, 0);
                return false;
            }
            if (!rehearsal.Changes)
            {
                CarryOut(rehearsal, now, version: 0, results);
                return true;
            }

            // Where a precondition was held against the version that the batch is to have, it must really get that one.
            long expected = rehearsal is { PinsItsVersion: true, IsRefused: false } ? next : 0;
            status = _commits.TryCommit(rehearsal.Operations, rehearsal.Changing, expected, out version);
        }
        while (status == CommitStatus.Overtaken);

        if (status == CommitStatus.Unready)
        {
            shortage = new(0, rehearsal.LogBytes);
            return false;
        }
        if (status != CommitStatus.Done) return RefuseForDisk(status, results);
        if (!rehearsal.AcknowledgesFromMemory) seen = Math.Max(seen, version);
        CarryOut(rehearsal, now, version, rehearsal.IsRemembered ? null : results);
        return !rehearsal.IsRemembered || RememberedResults.Tell(rehearsal.Remembered, rehearsal.Digest, version, results);
    }

    /// <summary>A batch meets entries that have expired before it writes.</summary>
    private void RemoveExpired(in BatchRehearsal rehearsal, long now)
    {
        for (int i = 0; i < rehearsal.Batch.Length; i++)
        {
            if (!rehearsal.Batch[i].IsWrite) continue;
            Entry entry = Find(rehearsal, i, out int slot);
            if (entry.Exists && entry.IsExpired(now)) ShardOf(rehearsal.Hashes[i]).TryRemoveExpired(entry, slot, rehearsal.Hashes[i]);
        }
    }

    /// <summary>The version of the last commit that anything told of these keys may come from.</summary>
    private long LastChange(in BatchRehearsal rehearsal)
    {
        long lastChange = 0;
        for (int i = 0; i < rehearsal.Batch.Length; i++)
        {
            Entry entry = Find(rehearsal, i, out _);
            lastChange = Math.Max(lastChange, entry.Exists ? entry.Version : ShardOf(rehearsal.Hashes[i]).LastRemoval);
        }
        return lastChange;
    }

    private void TouchAll(in BatchRehearsal rehearsal)
    {
        for (int i = 0; i < rehearsal.Batch.Length; i++)
            if (Find(rehearsal, i, out _) is { Exists: true } entry) ShardOf(rehearsal.Hashes[i]).Touch(entry);
    }

    /// <summary>Carries out what has been committed.</summary>
    /// <param name="rehearsal">The batch.</param>
    /// <param name="now">What has expired by then is not there.</param>
    /// <param name="version">The commit's.</param>
    /// <param name="results">Null where they are told otherwise.</param>
    private void CarryOut(in BatchRehearsal rehearsal, long now, long version, IResultSink? results)
    {
        for (int i = 0; i < rehearsal.Operations.Length; i++)
        {
            ref readonly Operation operation = ref rehearsal.Operations[i];
            Shard shard = ShardOf(rehearsal.Hashes[i]);
            Entry entry = Find(rehearsal, i, out int slot);
            if (entry.Exists && entry.IsExpired(now)) entry = default;
            if (rehearsal.Changing[i])
            {
                OperationResult written = CarryOut(shard, operation, rehearsal.EditOf(i), rehearsal.Hashes[i], entry, slot, version);
                results?.OnResult(i, written);
            }
            else
            {
                results?.OnResult(i, Read(shard, operation, entry));
            }
        }
    }

    private Entry Find(in BatchRehearsal rehearsal, int index, out int slot) =>
        ShardOf(rehearsal.Hashes[index]).Find(rehearsal.Batch[index].Key.Span, rehearsal.Hashes[index], out slot);

    private static bool RefuseForDisk(CommitStatus status, IResultSink results)
    {
        results.OnResult(0, RefusedForDisk(status));
        return false;
    }

    private void EnterAll(uint shards)
    {
        for (int i = 0; i < _shards.Length; i++)
            if ((shards & (1u << i)) != 0) _shards[i].Enter();
    }

    private void ExitAll(uint shards)
    {
        for (int i = 0; i < _shards.Length; i++)
            if ((shards & (1u << i)) != 0) _shards[i].Exit();
    }
}
