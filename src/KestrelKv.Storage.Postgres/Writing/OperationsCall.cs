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
    /// <remarks>A write must not be: if its second trip were aborted, the first could not be undone.</remarks>
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
            if (IsDivisible) return await ExecuteAsync(workspace, loaded);
            if (loaded < operations.Length || !workspace.Keys.IsLoaded(requestId))
            {
                if (!IsFirst || !workspace.Keys.HasLarge) return false;
                throw new ArgumentOutOfRangeException(
                    null, $"The operations of the call read values of more than {valueBytesMax} bytes, expected at most as many.");
            }
            Result = isAtomic
                ? await workspace.Engine.CommitAsync(operations, results, requestId) ? 1 : 0
                : await workspace.Engine.ExecuteAsync(operations, results);
        }
        catch (Exception e)
        {
            // An exception of the caller's sink or of the evaluation concerns this call alone.
            Failure = e;
        }
        return true;
    }

    /// <summary>Executes the operations whose values are loaded. Returns whether the call is finished.</summary>
    private async ValueTask<bool> ExecuteAsync(Workspace workspace, int loaded)
    {
        IResultSink sink = Result == 0 ? results : new OffsetSink(results, Result);
        int executed = await workspace.Engine.ExecuteAsync(operations.Slice(Result, loaded), sink);
        Result += executed;
        return executed < loaded || Result == operations.Length;
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
    private sealed class OffsetSink(IResultSink results, int offset) : IResultSink
    {
        /// <inheritdoc/>
        public bool OnResult(int index, in OperationResult result) => results.OnResult(offset + index, result);
    }
}
