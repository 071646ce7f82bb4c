using KestrelKv.Storage;

namespace KestrelKv.Testing;

/// <summary>An operation's result as an object.</summary>
internal sealed record ManagedResult(int Index, ResultStatus Status, long Version = 0, long PreviousVersion = 0)
{
    public long ExpiresAt { get; init; }

    public byte[] Value { get; init; } = [];

    public byte[] OldValue { get; init; } = [];

    public string? Detail { get; init; }

    /// <summary>Whether the operation changed the store.</summary>
    public bool Changed { get; init; }

    public bool IsRefusal => Status is not (ResultStatus.Done or ResultStatus.NotFound);

    public bool PassTo(IResultSink results) => results.OnResult(Index, new()
    {
        Status = Status, Version = Version, PreviousVersion = PreviousVersion, ExpiresAt = ExpiresAt, Value = Value, OldValue = OldValue,
        Detail = Detail,
    });

    /// <summary>Copies the result of an operation.</summary>
    public static ManagedResult Of(int index, in OperationResult result) =>
        new(index, result.Status, result.Version, result.PreviousVersion)
    {
        ExpiresAt = result.ExpiresAt, Value = result.Value.ToArray(), OldValue = result.OldValue.ToArray(), Detail = result.Detail,
    };
}
