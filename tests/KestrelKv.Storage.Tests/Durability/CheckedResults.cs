using KestrelKv.Json;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// Receives the results of a call, compares them with the history and extends it, and tracks the version that must be durable before
/// they may be visible.
/// </summary>
internal sealed class CheckedResults(CommitHistory history, Operation[] operations, Func<long> now, bool isBatch) : IResultSink
{
    /// <summary>Returns the version of the last comparison of the store with the history; null if entries are never evicted.</summary>
    public Func<long>? EvictsAfter { get; init; }

    /// <summary>The lowest version that the results depend on.</summary>
    public long Version { get; private set; }

    /// <summary>Called when an operation is refused because of the disk.</summary>
    public required Action OnRefusal { get; init; }

    /// <summary>Returns whether writes may succeed. False if the disk has failed.</summary>
    public required Func<bool> MayWrite { get; init; }

    /// <summary>The first error in the results; null for none.</summary>
    public string? Wrong { get; private set; }

    public bool OnResult(int index, in OperationResult result)
    {
        Operation operation = operations[index];
        ReadOnlySpan<byte> key = operation.Key.Span;
        history.TryGet(key, out StoredEntry? entry);
        bool wasExpired = entry is not null && !entry.IsVisible(now());
        if (wasExpired) entry = null;
        long version = entry?.Version ?? 0;
        bool isWrite = operation.IsWrite && result.Status == ResultStatus.Done;
        switch (result.Status)
        {
            case ResultStatus.DiskFull or ResultStatus.DiskFailed:
                OnRefusal();
                return true;
            case ResultStatus.MemoryFull:
                return true;
            case ResultStatus.PathNotFound or ResultStatus.NotANumber or ResultStatus.NumberOverflow when isBatch && operation.IsWrite &&
                WasWritten(index):
                break;
            case ResultStatus.PathNotFound or ResultStatus.NotANumber or ResultStatus.NumberOverflow:
                Expect(
                    index, StatusOf(operation, entry) == result.Status || IsEvicted(result.Version),
                    $"{result.Status}, expected {StatusOf(operation, entry)}");
                Expect(index, result.Version == version || IsEvicted(result.Version), $"version {result.Version}, expected {version}");
                break;
            case ResultStatus.PreconditionFailed or ResultStatus.NotFound:
                Expect(index, result.Version == version || IsEvicted(result.Version), $"version {result.Version}, expected {version}");
                break;
            case ResultStatus.Done when isWrite:
                Expect(
                    index, result.PreviousVersion == version || IsEvicted(result.PreviousVersion),
                    $"{result.PreviousVersion} before, expected {version}");
                Expect(index, MayWrite(), "done, but the disk has failed");
                Write(operation, result, version, result.PreviousVersion == 0 ? null : entry, wasExpired);
                break;
            default:
                var read = new StoredEntry(StoredEntry.Text(result.Value), result.Version, result.ExpiresAt);
                if (entry is not null && !operation.Path.IsEmpty) entry = entry with { Value = PartOf(operation, entry) };
                Expect(index, read == entry, $"{read}, expected {entry}");
                break;
        }
        if (!operation.AcknowledgeFromMemory) Version = Math.Max(Version, isWrite ? result.Version : history.ChangedAt(key));
        return true;
    }

    private bool IsEvicted(long seen) => seen == 0 && EvictsAfter is not null;

    private bool WasWritten(int index)
    {
        for (int i = 0; i < index; i++)
            if (operations[i].IsWrite && operations[i].Key.Span.SequenceEqual(operations[index].Key.Span)) return true;
        return false;
    }

    private void Write(Operation operation, in OperationResult result, long version, StoredEntry? entry, bool wasExpired)
    {
        ReadOnlySpan<byte> key = operation.Key.Span;
        if (result.PreviousVersion == 0 && version != 0) history.Lose(key, EvictsAfter?.Invoke() ?? 0, result.Version - 1);
        history.Set(key, result.Version, operation.Kind switch
        {
            _ when operation.IsEdit => Edited(operation, entry).Entry! with { Version = result.Version },
            OperationKind.Put => new StoredEntry(StoredEntry.Text(operation.Value.Span), result.Version, operation.ExpiresAt),
            OperationKind.Expire => entry! with { Version = result.Version, ExpiresAt = operation.ExpiresAt },
            _ => null,
        }, wasExpired);
    }

    private static string PartOf(Operation get, StoredEntry entry) =>
        JsonPointer.TryFind(StoredEntry.Bytes(entry.Value), get.Path.Span, out ReadOnlySpan<byte> part)
            ? StoredEntry.Text(part)
            : "nothing";

    private static ResultStatus StatusOf(Operation operation, StoredEntry? entry)
    {
        if (operation.IsWrite) return Edited(operation, entry).Status;
        return entry is null || PartOf(operation, entry) == "nothing" ? ResultStatus.PathNotFound : ResultStatus.Done;
    }

    private static (ResultStatus Status, StoredEntry? Entry) Edited(Operation edit, StoredEntry? entry)
    {
        var document = new EditBuffer();
        EditResult result = Edits.Apply(edit, entry is not null, StoredEntry.Bytes(entry?.Value ?? ""), DocumentLimits.Default, document);
        long expiresAt = edit.KeepsExpiry ? entry?.ExpiresAt ?? Operation.Never : edit.ExpiresAt;
        return (
            result.Status.ToResult(), result.Status == EditStatus.Done ? new(StoredEntry.Text(document.WrittenSpan), 0, expiresAt) : null);
    }

    private void Expect(int index, bool holds, string what)
    {
        if (!holds) Wrong ??= $"Operation {index}, {operations[index].Kind} of {StoredEntry.Text(operations[index].Key.Span)}: {what}.";
    }
}
