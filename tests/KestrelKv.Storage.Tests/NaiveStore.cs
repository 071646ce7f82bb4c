using System.Text;
using KestrelKv.Json;

namespace KestrelKv.Storage.Tests;

/// <summary>
/// A model of the store contract, as simple as possible: a sorted list that each operation searches from the start. Batches work on a
/// copy of it.
/// </summary>
internal sealed class NaiveStore(TimeProvider time)
{
    private List<RecordedEntry> _entries = [];

    public long Version { get; private set; }

    public StoreStats Stats =>
        new(_entries.Count, _entries.Sum(e => Encoding.UTF8.GetByteCount(e.Key) + Encoding.UTF8.GetByteCount(e.Value)), Version);

    public int Expired => _entries.Count(IsExpired);

    public long VersionOf(ReadOnlyMemory<byte> key) => Visible(Operation.Get(key))?.Version ?? 0;

    public List<Recorded> Execute(Operation[] operations, int stopAfter)
    {
        List<Recorded> results = [];
        for (int i = 0; i < operations.Length && i < stopAfter; i++)
        {
            RemoveIfExpired(operations[i]);
            results.Add(ExecuteOne(i, operations[i]));
            if (Changed(operations[i], results[^1])) Version++;
        }
        return results;
    }

    public (bool Committed, List<Recorded> Results) Commit(Operation[] batch)
    {
        foreach (Operation operation in batch) RemoveIfExpired(operation);

        List<RecordedEntry> before = [.. _entries];
        List<Recorded> results = [];
        for (int i = 0; i < batch.Length; i++)
        {
            Recorded result = ExecuteOne(i, batch[i]);
            bool isRefused = result.Status is not (ResultStatus.Done or ResultStatus.NotFound)
                && (batch[i].Kind != OperationKind.Get || result.Status == ResultStatus.PreconditionFailed);
            if (isRefused)
            {
                _entries = before;
                long stored = Visible(batch[i])?.Version ?? 0;
                return (false, [result.Status == ResultStatus.PreconditionFailed ? result with { Version = stored, PreviousVersion = stored } : result]);
            }
            results.Add(result);
        }
        if (results.Any(result => Changed(batch[result.Index], result))) Version++;
        return (true, results);
    }

    public (List<RecordedEntry> Entries, bool More) List(ListQuery query, int limit)
    {
        string prefix = Encoding.Latin1.GetString(query.Prefix.Span);
        string after = Encoding.Latin1.GetString(query.After.Span), until = Encoding.Latin1.GetString(query.Until.Span);
        string low = query.Descending ? until : after, high = query.Descending ? after : until;
        List<RecordedEntry> all = [.. _entries.Where(e => !IsExpired(e) && Bytes(e.Key).StartsWith(prefix, StringComparison.Ordinal)
            && string.CompareOrdinal(Bytes(e.Key), low) > 0 && (high.Length == 0 || string.CompareOrdinal(Bytes(e.Key), high) < 0))];
        if (query.Descending) all.Reverse();
        return ([.. all.Take(limit)], all.Count > limit);
    }

    public void RemoveExpired() => Version += _entries.RemoveAll(IsExpired);

    /// <summary>Converts each byte to one character: ordinal order is then byte order.</summary>
    private static string Bytes(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    private static int Compare(string x, string y) => string.CompareOrdinal(Bytes(x), Bytes(y));

    private static string KeyOf(Operation operation) => Encoding.UTF8.GetString(operation.Key.Span);

    private static bool Changed(Operation operation, Recorded result) =>
        operation.Kind != OperationKind.Get && result.Status == ResultStatus.Done;

    private bool IsExpired(RecordedEntry entry) =>
        entry.ExpiresAt != 0 && DateTimeOffset.FromUnixTimeMilliseconds(entry.ExpiresAt) <= time.GetUtcNow();

    private RecordedEntry? Visible(Operation operation) => _entries.Find(e => e.Key == KeyOf(operation) && !IsExpired(e));

    private void RemoveIfExpired(Operation operation)
    {
        if (operation.Kind != OperationKind.Get)
            Version += _entries.RemoveAll(e => e.Key == KeyOf(operation) && IsExpired(e));
    }

    private Recorded ExecuteOne(int index, Operation operation)
    {
        RecordedEntry? entry = Visible(operation);
        long previous = entry?.Version ?? 0;
        if (!operation.Precondition.Holds(previous)) return new(index, ResultStatus.PreconditionFailed, previous, previous);
        string old = operation.ReturnsOld ? entry?.Value ?? "" : "";
        switch (operation.Kind)
        {
            case OperationKind.Get or OperationKind.Delete or OperationKind.Expire when entry is null:
                return new(index, ResultStatus.NotFound);
            case OperationKind.Get:
                if (entry.ExpiresAt != 0 && entry.ExpiresAt < operation.ExpiresAt) Set(entry = entry with { ExpiresAt = operation.ExpiresAt });
                return Read(index, operation, entry);
            case OperationKind.Delete:
                _entries.Remove(entry);
                return new(index, ResultStatus.Done, Version + 1, previous, OldValue: old);
            case OperationKind.Expire:
                Set(entry with { Version = Version + 1, ExpiresAt = operation.ExpiresAt });
                return new(index, ResultStatus.Done, Version + 1, previous, operation.ExpiresAt);
            default:
                return Write(index, operation, entry, previous, old);
        }
    }

    private static Recorded Read(int index, Operation get, RecordedEntry entry)
    {
        ReadOnlySpan<byte> value = Encoding.UTF8.GetBytes(entry.Value);
        bool found = get.Path.IsEmpty || JsonPointer.TryFind(value, get.Path.Span, out value);
        return new(
            index, found ? ResultStatus.Done : ResultStatus.PathNotFound, entry.Version, entry.Version, entry.ExpiresAt,
            found ? Encoding.UTF8.GetString(value) : "");
    }

    private Recorded Write(int index, Operation put, RecordedEntry? entry, long previous, string old)
    {
        ReadOnlyMemory<byte> value = put.Value;
        EditResult edit = default;
        if (put.KeepsExpiry || !put.Path.IsEmpty || put.Kind != OperationKind.Put)
        {
            var document = new EditBuffer();
            edit = Edits.Apply(put, entry is not null, Encoding.UTF8.GetBytes(entry?.Value ?? ""), DocumentLimits.Default, document);
            if (edit.Status != EditStatus.Done) return new(index, edit.Status.ToResult(), previous, previous);
            value = document.WrittenMemory;
        }
        long expiresAt = put.KeepsExpiry ? entry?.ExpiresAt ?? 0 : put.ExpiresAt;
        Set(new(KeyOf(put), Encoding.UTF8.GetString(value.Span), Version + 1, expiresAt));
        string sum = Encoding.UTF8.GetString(value.Span.Slice(edit.PartStart, edit.PartBytes));
        return new(index, ResultStatus.Done, Version + 1, previous, expiresAt, sum, old);
    }

    private void Set(RecordedEntry entry)
    {
        _entries.RemoveAll(e => e.Key == entry.Key);
        int at = _entries.FindIndex(e => Compare(e.Key, entry.Key) > 0);
        _entries.Insert(at < 0 ? _entries.Count : at, entry);
    }
}
