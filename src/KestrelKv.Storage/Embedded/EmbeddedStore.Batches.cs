using System.Numerics;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

public sealed partial class EmbeddedStore
{
    /// <summary>
    /// The maximum number of conflicts in a row. After that, a long batch runs under the locks if it is short enough
    /// (<see cref="LongWork.ContendedBytesMax"/>), and is refused otherwise.
    /// </summary>
    internal const int ConflictsMax = 16;

    /// <inheritdoc/>
    public ValueTask<bool> CommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, RequestId requestId = default, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(CommitBytes(batch.Span), LogRecord.PayloadBytesMax, nameof(batch));
        AttemptResult attempt = Commit(batch.Span, new(results, 0), requestId, isLong: false, cancellationToken);
        return attempt.Outcome <= Outcome.Stop
            ? WhenDurable(attempt.IsCommitted, attempt.ObservedVersion, cancellationToken)
            : ContinueCommitAsync(batch, results, requestId, attempt, cancellationToken);
    }

    private async ValueTask<bool> ContinueCommitAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, RequestId requestId, AttemptResult attempt,
        CancellationToken cancellationToken)
    {
        attempt = await CompleteAsync(batch, results, first: 0, requestId, attempt, cancellationToken);
        return await WhenDurable(attempt.IsCommitted, attempt.ObservedVersion, cancellationToken);
    }

    /// <summary>Executes one long operation of a call as a batch.</summary>
    private ValueTask<AttemptResult> CommitLongAsync(
        ReadOnlyMemory<Operation> one, IResultSink results, int index, CancellationToken cancellationToken) =>
        CompleteAsync(one, results, index, one.Span[0].RequestId, new(Outcome.NeedsLongWork, false, 0, 0), cancellationToken);

    /// <summary>
    /// Tries to execute a write with a request id as a batch. Its record has a lock of its own, so the lock of the write's shard must be
    /// free.
    /// </summary>
    private Outcome CommitOne(ref OperationContext context)
    {
        AttemptResult attempt = Commit(
            context.OperationAsBatch, context.AsBatchResults, context.Operation.RequestId, isLong: false, CancellationToken.None);
        context.ObservedVersion = Math.Max(context.ObservedVersion, attempt.ObservedVersion);
        return context.Needs(attempt.Outcome, attempt.NeededBytes);
    }

    /// <summary>Executes a batch that is too long to run under locks, or needs space in the log.</summary>
    private async ValueTask<AttemptResult> CompleteAsync(
        ReadOnlyMemory<Operation> batch, IResultSink results, int first, RequestId requestId, AttemptResult attempt,
        CancellationToken cancellationToken)
    {
        for (bool isLong = false; attempt.Outcome > Outcome.Stop;)
        {
            isLong |= attempt.Outcome == Outcome.NeedsLongWork;
            if (attempt.Outcome == Outcome.NeedsLog) await _log.WhenReady(attempt.NeededBytes).WaitAsync(cancellationToken);
            attempt = isLong
                ? await Task.Run(() => TryCommit(isLong: true), cancellationToken)
                : TryCommit(isLong: false);
        }
        return attempt;

        AttemptResult TryCommit(bool isLong) => Commit(batch.Span, new(results, first), requestId, isLong, cancellationToken);
    }

    private AttemptResult Commit(
        ReadOnlySpan<Operation> batch, BatchResults results, in RequestId requestId, bool isLong, CancellationToken cancellationToken)
    {
        using IdempotencyRecord? record =
            requestId.IsEmpty || !HasWrites(batch) ? null : IdempotencyRecord.Rent(batch, requestId, _documents.BytesMax);
        var plan = new BatchPlan(batch, _entries, record, _documents);
        var context = new BatchContext { Results = results };
        if (_entries.Evicts) _entries.Clock.RefreshUseTime();
        try
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Outcome outcome = !isLong ? CommitInShards(ref plan, ref context, LongWork.BytesMax)
                    : context.Conflicts < ConflictsMax ? CommitOnCopies(ref plan, ref context)
                    : CommitInShards(ref plan, ref context, LongWork.ContendedBytesMax);
                switch (outcome)
                {
                    case Outcome.Conflict:
                        if (++context.Conflicts == ConflictsMax) plan.ReleaseCopies();
                        continue;
                    case Outcome.NeedsMemory when _room!.TryReserve(context.NeededBytes, ref context.ReservedBytes):
                        continue;
                    case Outcome.NeedsMemory:
                        context.Results.Pass(plan.LargestIndex, RefusedForMemory());
                        outcome = Outcome.Done;
                        break;
                    case Outcome.NeedsLongWork when isLong:
                        context.Results.Pass(0, RefusedForConflicts(context.Conflicts));
                        outcome = Outcome.Done;
                        break;
                }
                if (outcome == Outcome.Done && context.Results.HasStopped) outcome = Outcome.Stop;
                return new(outcome, context.IsCommitted, context.ObservedVersion, context.NeededBytes);
            }
        }
        finally
        {
            plan.Dispose();
            _room?.Release(context.ReservedBytes);
        }
    }

    /// <summary>Evaluates a long batch on copies of its values, then commits it if these are still current.</summary>
    private Outcome CommitOnCopies(ref BatchPlan plan, ref BatchContext context)
    {
        long now = _entries.Clock.Now();
        if (plan.CaptureCopies(_log, now)) plan.Evaluate(now, _log.Last + 1, long.MaxValue);
        return CommitInShards(ref plan, ref context, workBytesMax: null);
    }

    private Outcome CommitInShards(ref BatchPlan plan, ref BatchContext context, long? workBytesMax)
    {
        EnterAll(plan.Shards);
        try
        {
            return Commit(ref plan, ref context, workBytesMax);
        }
        finally
        {
            ExitAll(plan.Shards);
            WakeSweeper();
        }
    }

    /// <summary>
    /// Commits a batch. Requires the locks of all its shards. <paramref name="workBytesMax"/> is null if the plan was computed on copies.
    /// </summary>
    private Outcome Commit(ref BatchPlan plan, ref BatchContext context, long? workBytesMax)
    {
        long now = _entries.Clock.Now();
        if (plan.Record is { } record && plan.CaptureRecord(_log, now) is { Exists: true } earlier && !record.Replaces(earlier.Value))
            return Repeat(earlier, record, ref context);

        if (workBytesMax is not null) plan.Capture(_log, now);
        else if (plan.IsCurrent(_log, now)) plan.AdoptExpiries();
        else if (!plan.OnlyReadsOneKey) return Outcome.Conflict;

        // The result of a batch that is refused, or only reads, depends on the last changes of its keys.
        if (!plan.AcknowledgesFromMemory && !TryObserve(plan.LastChange(), ref context))
            return Refuse(CommitStatus.DiskFailed, ref context);
        if (workBytesMax is { } max && !plan.Evaluate(now, _log.Last + 1, max)) return Outcome.NeedsLongWork;
        if (plan.IsRefused && plan.Record is null)
        {
            context.Results.Pass(plan.RefusedIndex, plan.Refusal);
            return Outcome.Done;
        }
        if (plan.Record is not null)
        {
            plan.AddRecord(now + (long)_requestIdWindow.TotalMilliseconds);
            if (plan.RecordGrowthBytes > 0 && _entries.InternalBytes + plan.RecordGrowthBytes > _requestIdBytesMax)
                return RefuseRecord(ref context);
        }
        if (!plan.HasChanges)
        {
            plan.Deliver(version: 0, ref context.Results);
            plan.ExtendExpiries();
            context.IsCommitted = true;
            return Outcome.Done;
        }
        if (_room is null || _room.HasRoomFor(plan.GrowthBytes, plan.WrittenBytes, context.ReservedBytes, out long memoryBytes))
            return Write(ref plan, ref context);
        plan.TouchAll();
        context.NeededBytes = memoryBytes;
        return Outcome.NeedsMemory;
    }

    private Outcome Write(ref BatchPlan plan, ref BatchContext context)
    {
        if (!plan.TryPrepare())
        {
            context.Results.Pass(plan.LargestIndex, RefusedForMemory());
            return Outcome.Done;
        }
        CommitStatus status = CommitStatus.NotReady;
        long version = 0;
        try
        {
            status = _log.TryCommit(plan.Writes, plan.PinnedVersion, out version);
            context.NeededBytes = plan.CommitBytes;
            if (status == CommitStatus.VersionConflict) return Outcome.Conflict;
            if (status == CommitStatus.NotReady) return Outcome.NeedsLog;
            if (status != CommitStatus.Done) return Refuse(status, ref context);
            if (!plan.AcknowledgesFromMemory) context.ObservedVersion = Math.Max(context.ObservedVersion, version);

            // The changes are not applied yet: the results refer to the previous values without copies.
            context.IsCommitted = !plan.IsRefused;
            if (plan.Record is null) plan.Deliver(version, ref context.Results);
            else plan.Record.Deliver(plan.Record.Bytes.Span, version, ref context.Results);
            return Outcome.Done;
        }
        finally
        {
            if (status == CommitStatus.Done) plan.Complete(version);
            else plan.Abandon();
        }
    }

    /// <summary>Delivers the recorded results of an earlier batch with the same request id.</summary>
    private Outcome Repeat(Entry earlier, IdempotencyRecord record, ref BatchContext context)
    {
        if (!TryObserve(earlier.Version, ref context)) return Refuse(CommitStatus.DiskFailed, ref context);
        context.IsCommitted = record.Deliver(earlier.Value, earlier.Version, ref context.Results);
        return Outcome.Done;
    }

    private Outcome RefuseRecord(ref BatchContext context)
    {
        Interlocked.Increment(ref _refusals);
        context.Results.Pass(0, new()
        {
            Status = ResultStatus.MemoryFull,
            Detail = $"the records of request ids would take more than {_requestIdBytesMax} bytes (Store:RequestIdBytesMax); " +
                $"earlier records expire after {_requestIdWindow} (Store:RequestIdWindow)",
        });
        return Outcome.Done;
    }

    private static OperationResult RefusedForConflicts(int conflicts) => new()
    {
        Status = ResultStatus.Conflict,
        Detail = $"other requests changed the entries {conflicts} times while this request was being processed; nothing was changed, " +
            "send the request again",
    };

    private static Outcome Refuse(CommitStatus status, ref BatchContext context)
    {
        context.Results.Pass(0, RefusedForDisk(status));
        return Outcome.Done;
    }

    private bool TryObserve(long version, ref BatchContext context)
    {
        if (!_log.CanPublish(version)) return false;
        context.ObservedVersion = Math.Max(context.ObservedVersion, version);
        return true;
    }

    private static bool HasWrites(ReadOnlySpan<Operation> batch)
    {
        foreach (ref readonly Operation operation in batch)
            if (operation.IsWrite) return true;
        return false;
    }

    private static long CommitBytes(ReadOnlySpan<Operation> batch)
    {
        long bytes = 0;
        foreach (ref readonly Operation operation in batch)
            if (operation.IsWrite) bytes += Record.BytesAround + operation.Key.Length + operation.Value.Length;
        return bytes;
    }

    private void EnterAll(uint shards)
    {
        for (; shards != 0; shards &= shards - 1) _entries.Shards[BitOperations.TrailingZeroCount(shards)].Enter();
    }

    private void ExitAll(uint shards)
    {
        for (; shards != 0; shards &= shards - 1) _entries.Shards[BitOperations.TrailingZeroCount(shards)].Exit();
    }

    private ref struct BatchContext
    {
        public BatchResults Results;

        /// <summary>The number of times that an entry changed while the batch was evaluated without locks.</summary>
        public int Conflicts;
        public bool IsCommitted;
        public long ObservedVersion;
        public long ReservedBytes;
        public long NeededBytes;
    }

    /// <summary>The outcome of one attempt to commit a batch.</summary>
    private readonly record struct AttemptResult(Outcome Outcome, bool IsCommitted, long ObservedVersion, long NeededBytes);
}
