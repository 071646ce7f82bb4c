using KestrelKv.Storage;

namespace KestrelKv.Server.Admin;

/// <summary>The result of one operation, as an object that outlives the call.</summary>
internal sealed class KeyResult : IResultSink
{
    private bool _withValue;

    public ResultStatus Status { get; private set; }

    public long Version { get; private set; }

    public long PreviousVersion { get; private set; }

    /// <summary>When the entry expires, as in <see cref="Operation.ExpiresAt"/>.</summary>
    public long ExpiresAt { get; private set; }

    /// <summary>What of the path or the patch was refused.</summary>
    public string? Detail { get; private set; }

    /// <summary>The value's length.</summary>
    public int ValueBytes { get; private set; }

    /// <summary>The value, where it was asked for.</summary>
    public byte[] Value { get; private set; } = [];

    /// <summary>The result of an operation whose precondition does not hold, of an entry of this version.</summary>
    public static KeyResult OfLostPrecondition(long version) => new() { Status = ResultStatus.PreconditionFailed, Version = version };

    /// <summary>Executes an operation.</summary>
    public static async Task<KeyResult> ExecuteAsync(
        IKeyValueStore store, Operation operation, CancellationToken cancellationToken, bool withValue = false)
    {
        var result = new KeyResult { _withValue = withValue };
        await store.ExecuteAsync(new[] { operation }, result, cancellationToken);
        return result;
    }

    /// <summary>Executes an operation that the client may have sent before.</summary>
    public static async Task<KeyResult> ExecuteOnceAsync(
        IKeyValueStore store, Operation operation, ReadOnlyMemory<byte> requestId, CancellationToken cancellationToken)
    {
        if (requestId.IsEmpty) return await ExecuteAsync(store, operation, cancellationToken);
        var result = new KeyResult();
        await store.CommitAsync(new[] { operation }, result, requestId, cancellationToken);
        return result;
    }

    /// <summary>
    /// Executes an operation under conditions that name many versions: reads the entry's version and executes the operation on
    /// just this version, again where somebody else has changed the entry in between.
    /// </summary>
    public static async Task<KeyResult> ExecuteIfAsync(
        IKeyValueStore store, Operation operation, Conditions conditions, CancellationToken cancellationToken)
    {
        while (true)
        {
            KeyResult current = await ExecuteAsync(store, Operation.Get(operation.Key), cancellationToken);
            if (current.Status == ResultStatus.DiskFailed) return current;
            if (!conditions.AllowWrite(current.Version))
                return OfLostPrecondition(current.Version);

            KeyResult result = await ExecuteAsync(
                store, operation with { Precondition = Precondition.Version(current.Version) }, cancellationToken);
            if (result.Status != ResultStatus.PreconditionFailed) return result;
        }
    }

    bool IResultSink.OnResult(int index, in OperationResult result)
    {
        Status = result.Status;
        Version = result.Version;
        PreviousVersion = result.PreviousVersion;
        ExpiresAt = result.ExpiresAt;
        Detail = result.Detail;
        ValueBytes = result.Value.Length;
        if (_withValue) Value = result.Value.ToArray();
        return true;
    }
}
