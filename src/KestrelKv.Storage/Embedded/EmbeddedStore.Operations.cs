using KestrelKv.Json;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

public sealed partial class EmbeddedStore
{
    /// <inheritdoc/>
    public ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var context = new OperationContext(operations.Span, results);
        Outcome outcome = ExecuteGroups(operations.Span, ref context);
        return outcome <= Outcome.Stop
            ? WhenDurable(context.Index, context.ObservedVersion, cancellationToken)
            : ContinueAsync(operations, context.Index, outcome, context.NeededBytes, context.ObservedVersion, results, cancellationToken);
    }

    /// <summary>Executes the remaining operations of a call. The next one is too long for a lock, or needs space in the log.</summary>
    private async ValueTask<int> ContinueAsync(
        ReadOnlyMemory<Operation> operations, int next, Outcome needs, long neededBytes, long seen, IResultSink results,
        CancellationToken cancellationToken)
    {
        while (needs > Outcome.Stop)
        {
            if (needs == Outcome.NeedsLongWork)
            {
                AttemptResult attempt = await CommitLongAsync(operations.Slice(next, 1), results, next, cancellationToken);
                (next, seen) = (next + 1, Math.Max(seen, attempt.ObservedVersion));
                if (attempt.Outcome == Outcome.Stop) break;
            }
            else
            {
                await _log.WhenReady(neededBytes).WaitAsync(cancellationToken);
            }
            (next, needs, neededBytes, seen) = ExecuteFrom(operations.Span, next, seen, results);
        }
        return await WhenDurable(next, seen, cancellationToken);
    }

    private (int Next, Outcome Outcome, long NeededBytes, long ObservedVersion) ExecuteFrom(
        ReadOnlySpan<Operation> operations, int next, long seen, IResultSink results)
    {
        var context = new OperationContext(operations, results) { Index = next, ObservedVersion = seen };
        Outcome outcome = ExecuteGroups(operations, ref context);
        return (context.Index, outcome, context.NeededBytes, context.ObservedVersion);
    }

    /// <summary>Executes operations from the context's index on, and advances the index to the next operation to execute.</summary>
    private Outcome ExecuteGroups(ReadOnlySpan<Operation> operations, ref OperationContext context)
    {
        Span<ulong> hashes = stackalloc ulong[Keyspace.GroupOperations];
        while (context.Index < operations.Length)
        {
            ReadOnlySpan<Operation> group = operations[context.Index..];
            if (group.Length > Keyspace.GroupOperations) group = group[..Keyspace.GroupOperations];
            if (_entries.Evicts) _entries.Clock.RefreshUseTime();
            Prefetch(group, hashes);
            for (int i = 0; i < group.Length; i++)
            {
                Outcome outcome;
                if (group[i].IsIdempotent)
                {
                    outcome = CommitOne(ref context);
                }
                else
                {
                    context.Hash = hashes[i];
                    context.Shard = _entries.ShardOf(hashes[i]);
                    outcome = ExecuteInShard(ref context);
                    if (outcome == Outcome.NeedsMemory) outcome = ExecuteWithReservation(ref context);
                }
                if (outcome <= Outcome.Stop) context.Index++;
                if (outcome != Outcome.Done) return outcome;
            }
        }
        return Outcome.Done;
    }

    private void Prefetch(ReadOnlySpan<Operation> group, Span<ulong> hashes)
    {
        for (int i = 0; i < group.Length; i++)
        {
            hashes[i] = KeyHash.Of(group[i].Key.Span);
            _entries.ShardOf(hashes[i]).Prefetch(hashes[i]);
        }
        _entries.PrefetchEntries(hashes[..group.Length]);
    }

    private Outcome ExecuteInShard(ref OperationContext context)
    {
        Shard shard = context.Shard;
        shard.Enter();
        try
        {
            return ExecuteLocked(ref context);
        }
        finally
        {
            shard.Exit();
            WakeSweeper();
        }
    }

    /// <summary>Frees memory for an operation, then executes it.</summary>
    private Outcome ExecuteWithReservation(ref OperationContext context)
    {
        try
        {
            while (_room!.TryReserve(context.NeededBytes, ref context.ReservedBytes))
                if (ExecuteInShard(ref context) is var outcome and not Outcome.NeedsMemory) return outcome;
            return context.PassResult(RefusedForMemory());
        }
        finally
        {
            _room!.Release(context.ReservedBytes);
            context.ReservedBytes = 0;
        }
    }

    private Outcome ExecuteLocked(ref OperationContext context)
    {
        ref readonly Operation operation = ref context.Operation;
        Find(operation, ref context);
        long version = context.Entry.Exists ? context.Entry.Version : 0;
        if (!operation.Precondition.Holds(version)) return Refuse(ref context, ResultStatus.PreconditionFailed);
        if (!operation.Changes(context.Entry.Exists)) return Read(operation, ref context);
        return operation.IsEdit ? Edit(operation, ref context) : Write(operation, default, ref context);
    }

    private void Find(in Operation operation, ref OperationContext context)
    {
        Shard shard = context.Shard;
        Entry entry = shard.Find(operation.Key.Span, context.Hash, out context.Slot);
        if (entry.Exists)
        {
            context.LastChange = entry.Version;
        }
        else
        {
            shard.ThrowIfClosed();
            context.LastChange = shard.LastRemoval;
        }
        context.Entry = context.Stored = entry;
        if (!HasExpired(entry)) return;
        context.Entry = default;
        if (!operation.IsWrite || !shard.TryRemoveExpired(_log, entry, context.Slot, context.Hash)) return;
        context.Stored = default;
        context.LastChange = shard.LastRemoval;
    }

    private Outcome Read(in Operation operation, ref OperationContext context)
    {
        Entry entry = context.Entry;
        if (!operation.Path.IsEmpty && entry.Exists && entry.Value.Length > LongWork.BytesMax) return Outcome.NeedsLongWork;
        if (!TryObserve(operation, ref context)) return context.PassResult(RefusedForDisk(CommitStatus.DiskFailed));
        if (operation.IsWrite || !entry.Exists) return context.PassResult(new() { Status = ResultStatus.NotFound });
        context.Shard.Touch(entry);
        if (operation.ExpiresAt != Operation.Never) context.Shard.ExtendExpiry(entry, operation.ExpiresAt);
        ReadOnlySpan<byte> value = entry.Value;
        bool found = operation.Path.IsEmpty || JsonPointer.TryFind(value, operation.Path.Span, out value);
        return context.PassResult(new()
        {
            Status = found ? ResultStatus.Done : ResultStatus.PathNotFound,
            Version = entry.Version,
            PreviousVersion = entry.Version,
            ExpiresAt = entry.ExpiresAt,
            Value = found ? value : default,
        });
    }

    private Outcome Edit(in Operation edit, ref OperationContext context)
    {
        Entry entry = context.Entry;
        if (LongWork.Of(edit, entry.ValueIfAny.Length) > LongWork.BytesMax) return Outcome.NeedsLongWork;
        using EditBuffer buffer = EditBuffer.Rent();
        EditResult edited = Edits.Resolve(edit, entry.Exists, entry.ValueIfAny, entry.ExpiryIfAny, _documents, buffer, out Operation put);
        return edited.Status == EditStatus.Done
            ? Write(put, edited, ref context)
            : Refuse(ref context, edited.Status.ToResult(), edited.Detail);
    }

    private Outcome Write(in Operation write, in EditResult edited, ref OperationContext context)
    {
        Shard shard = context.Shard;
        Entry entry = context.Entry, stored = context.Stored;
        if (_room is not null && !_room.HasRoomFor(shard, write, stored, context.ReservedBytes, out long memoryBytes))
            return context.Needs(Outcome.NeedsMemory, memoryBytes);

        Record change = Record.Of(write);
        Entry prepared;
        try
        {
            prepared = shard.Prepare(change, context.Hash, stored);
        }
        catch (OutOfMemoryException)
        {
            return context.PassResult(RefusedForMemory());
        }

        CommitStatus status = CommitStatus.NotReady;
        long version = 0;
        try
        {
            status = _log.TryCommit(change, out version);
            if (status == CommitStatus.NotReady) return context.Needs(Outcome.NeedsLog, change.Bytes);
            if (status != CommitStatus.Done) return context.PassResult(RefusedForDisk(status));
            if (!write.AcknowledgeFromMemory) context.ObservedVersion = Math.Max(context.ObservedVersion, version);

            // The change is not applied yet: the result refers to the old value without a copy.
            return context.PassResult(new()
            {
                Version = version,
                PreviousVersion = entry.Exists ? entry.Version : 0,
                ExpiresAt = write.ExpiresAt,
                Value = edited.PartBytes == 0 ? default : write.Value.Span.Slice(edited.PartStart, edited.PartBytes),
                OldValue = write.ReturnsOld ? entry.ValueIfAny : default,
            });
        }
        finally
        {
            if (status == CommitStatus.Done) shard.Complete(change, context.Hash, stored, context.Slot, prepared, version);
            else shard.Abandon(context.Hash, stored, prepared);
        }
    }

    private Outcome Refuse(ref OperationContext context, ResultStatus status, string? detail = null)
    {
        if (!TryObserve(context.Operation, ref context)) return context.PassResult(RefusedForDisk(CommitStatus.DiskFailed));
        long version = context.Entry.Exists ? context.Entry.Version : 0;
        return context.PassResult(new() { Status = status, Version = version, PreviousVersion = version, Detail = detail });
    }

    /// <summary>
    /// Whether the result of an operation that changes nothing may be shown. If so, the call waits for the key's last change.
    /// </summary>
    private bool TryObserve(in Operation operation, ref OperationContext context)
    {
        if (operation.AcknowledgeFromMemory) return true;
        if (!_log.CanPublish(context.LastChange)) return false;
        context.ObservedVersion = Math.Max(context.ObservedVersion, context.LastChange);
        return true;
    }

    private OperationResult RefusedForMemory()
    {
        Interlocked.Increment(ref _refusals);
        return new() { Status = ResultStatus.MemoryFull };
    }

    private static OperationResult RefusedForDisk(CommitStatus status)
    {
        ObjectDisposedException.ThrowIf(status == CommitStatus.Closed, typeof(EmbeddedStore));
        return new() { Status = status == CommitStatus.DiskFull ? ResultStatus.DiskFull : ResultStatus.DiskFailed };
    }
}
