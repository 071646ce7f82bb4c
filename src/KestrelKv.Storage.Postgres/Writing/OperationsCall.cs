namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>A call of <see cref="IKeyValueStore.ExecuteAsync"/>, or of <see cref="IKeyValueStore.CommitAsync"/>.</summary>
internal sealed class OperationsCall(
    ReadOnlyMemory<Operation> operations, IResultSink results, bool isAtomic, RequestId requestId, CancellationToken cancellation)
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
    public override void AddKeys(GroupKeys keys)
    {
        keys.Add(operations.Span);
        if (!requestId.IsEmpty) keys.AddRequest(requestId);
    }

    /// <inheritdoc/>
    public override async ValueTask EvaluateAsync(Workspace workspace)
    {
        try
        {
            Result = isAtomic
                ? await workspace.Engine.CommitAsync(operations, results, requestId) ? 1 : 0
                : await workspace.Engine.ExecuteAsync(operations, results);
        }
        catch (Exception e)
        {
            // An exception of the caller's sink or of the evaluation concerns this call alone.
            Failure = e;
        }
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
}
