namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>A call of <see cref="IKeyValueStore.ExecuteAsync"/>, or of <see cref="IKeyValueStore.CommitAsync"/>.</summary>
internal sealed class OperationsCall(
    ReadOnlyMemory<Operation> operations, IResultSink results, bool isAtomic, RequestId requestId, long valueBytesMax,
    CancellationToken cancellation)
    : StoreCall(cancellation)
{
    /// <inheritdoc/>
    public override int Operations => operations.Length;

    /// <inheritdoc/>
    public override long Bytes { get; } = BytesOf(operations.Span);

    /// <summary>Whether the results must be fenced.</summary>
    public bool IsFenced { get; } = !AcknowledgesFromMemory(operations.Span);

    /// <summary>Whether the call can change the database. A read that extends an expiry does.</summary>
    public bool IsWrite { get; } = HasWrites(operations.Span);

    /// <summary>The longest key, in bytes.</summary>
    public int KeyBytesMax { get; } = LongestKey(operations.Span);

    /// <inheritdoc/>
    /// <remarks>A write must not be: if its second trip were aborted, the first could not be undone. It may end early instead.</remarks>
    protected override bool IsDivisible => !isAtomic && !IsWrite;

    /// <inheritdoc/>
    protected override void AddKeys(GroupKeys keys)
    {
        keys.Add(operations.Span[Result..]);
        if (!requestId.IsEmpty) keys.AddRequest(requestId);
    }

    /// <inheritdoc/>
    protected override async ValueTask<bool> EvaluateAsync(Workspace workspace)
    {
        try
        {
            int loaded = workspace.Keys.Loaded(operations.Span[Result..]);
            if (IsDivisible) return await ExecuteAsync(workspace, loaded) || Result == operations.Length;
            bool isWhole = loaded == operations.Length && workspace.Keys.IsLoaded(requestId);
            if (!isWhole && !(IsFirst && workspace.Keys.HasLarge)) return false;
            if (!isAtomic)
            {
                await ExecuteAsync(workspace, loaded);
                return true;
            }
            if (!isWhole)
            {
                results.OnResult(loaded % operations.Length, new OperationResult
                {
                    Status = ResultStatus.ValueTooLong,
                    Detail = $"the operations of the batch read values of more than {valueBytesMax} bytes, expected at most as many",
                });
                return true;
            }
            Result = await workspace.Engine.CommitAsync(operations, results, requestId) ? 1 : 0;
        }
        catch (Exception e)
        {
            // An exception of the caller's sink or of the evaluation concerns this call alone.
            Failure = e;
        }
        return true;
    }

    /// <summary>Executes the operations whose values are loaded. Returns whether the sink, or the size of the group, stopped the call.</summary>
    private async ValueTask<bool> ExecuteAsync(Workspace workspace, int loaded)
    {
        var sink = new StoppableSink(results, Result, IsWrite ? workspace.Log : null);
        Result += await workspace.Engine.ExecuteAsync(operations.Slice(Result, loaded), sink);
        return sink.HasStopped;
    }

    private static long BytesOf(ReadOnlySpan<Operation> operations)
    {
        long bytes = 0;
        foreach (ref readonly Operation operation in operations) bytes += operation.Key.Length + operation.Value.Length;
        return bytes;
    }

    private static bool HasWrites(ReadOnlySpan<Operation> operations)
    {
        foreach (ref readonly Operation operation in operations)
            if (operation.IsWrite || operation.ExpiresAt != Operation.Never) return true;
        return false;
    }

    private static bool AcknowledgesFromMemory(ReadOnlySpan<Operation> operations)
    {
        foreach (ref readonly Operation operation in operations)
            if (!operation.AcknowledgeFromMemory) return false;
        return true;
    }

    private static int LongestKey(ReadOnlySpan<Operation> operations)
    {
        int bytes = 0;
        foreach (ref readonly Operation operation in operations) bytes = Math.Max(bytes, operation.Key.Length);
        return bytes;
    }

    /// <summary>Receives the results of the operations from an index on.</summary>
    /// <summary>Passes on results. Also stops a call with writes if its group must be committed.</summary>
    private sealed class StoppableSink(IResultSink results, int offset, GroupLog? log) : IResultSink
    {
        public bool HasStopped { get; private set; }

        /// <inheritdoc/>
        public bool OnResult(int index, in OperationResult result)
        {
            HasStopped = !results.OnResult(offset + index, result) || log is { IsFull: true };
            return !HasStopped;
        }
    }
}
