using System.Text;

namespace KestrelKv.Storage.Tests;

/// <summary>
/// The store contract once more, as plainly as it can be written: a sorted list, looked through from its beginning
/// each time. Batches work on a copy of it.
/// </summary>
internal sealed class NaiveStore(TimeProvider time)
{
    private List<RecordedEntry> _entries = [];

    public long Version { get; private set; }

    public StoreStats Stats => new(_entries.Count, _entries.Sum(e => Encoding.UTF8.GetByteCount(e.Key) + Encoding.UTF8.GetByteCount(e.Value)), Version);

    /// <summary>How many have expired and are not yet removed.</summary>
    public int Expired => _entries.Count(IsExpired);

    /// <summary>The version of a key's entry; 0 where there is none.</summary>
    public long VersionOf(ReadOnlyMemory<byte> key) => Visible(Operation.Get(key))?.Version ?? 0;

    public List<Recorded> Execute(Operation[] operations, int stopAfter)
    {
        List<Recorded> results = [];
        for (int i = 0; i < operations.Length && i < stopAfter; i++)
        {
            MeetExpired(operations[i]);
            results.Add(Holds(operations[i]) ? Do(i, operations[i]) : Refuse(i, operations[i]));
            if (Changed(operations[i], results[^1])) Version++;
        }
        return results;
    }

    public (bool Committed, List<Recorded> Results) Commit(Operation[] batch)
    {
        foreach (Operation operation in batch) MeetExpired(operation);

        List<RecordedEntry> before = [.. _entries];
        List<Recorded> results = [];
        for (int i = 0; i < batch.Length; i++)
        {
            if (!Holds(batch[i]))
            {
                Recorded refused = Refuse(i, batch[i]);
                _entries = before;
                return (false, [refused]);
            }
            results.Add(Do(i, batch[i]));
        }
        if (results.Any(result => Changed(batch[result.Index], result))) Version++;
        return (true, results);
    }

    public (List<RecordedEntry> Entries, bool More) List(ListQuery query, int limit)
    {
        string prefix = Encoding.Latin1.GetString(query.Prefix.Span), after = Encoding.Latin1.GetString(query.After.Span);
        List<RecordedEntry> all = [.. _entries.Where(e =>
            !IsExpired(e) && Bytes(e.Key).StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(Bytes(e.Key), after) > 0)];
        return ([.. all.Take(limit)], all.Count > limit);
    }

    public void RemoveExpired() => Version += _entries.RemoveAll(IsExpired);

    /// <summary>One character a byte: ordinal order is the order of the bytes.</summary>
    private static string Bytes(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    private static int Compare(string x, string y) => string.CompareOrdinal(Bytes(x), Bytes(y));

    private static string KeyOf(Operation operation) => Encoding.UTF8.GetString(operation.Key.Span);

    private static bool Changed(Operation operation, Recorded result) =>
        operation.Kind != OperationKind.Get && result.Status == ResultStatus.Done;

    private bool IsExpired(RecordedEntry entry) =>
        entry.ExpiresAt != 0 && DateTimeOffset.FromUnixTimeMilliseconds(entry.ExpiresAt) <= time.GetUtcNow();

    private RecordedEntry? Visible(Operation operation) => _entries.Find(e => e.Key == KeyOf(operation) && !IsExpired(e));

    private bool Holds(Operation operation) => operation.Precondition.Holds(Visible(operation)?.Version ?? 0);

    private Recorded Refuse(int index, Operation operation)
    {
        long version = Visible(operation)?.Version ?? 0;
        return new(index, ResultStatus.PreconditionFailed, version, version);
    }

    private void MeetExpired(Operation operation)
    {
        if (operation.Kind != OperationKind.Get)
            Version += _entries.RemoveAll(e => e.Key == KeyOf(operation) && IsExpired(e));
    }

    private Recorded Do(int index, Operation operation)
    {
        RecordedEntry? entry = Visible(operation);
        long previous = entry?.Version ?? 0;
        switch (operation.Kind)
        {
            case OperationKind.Put:
                Set(new(KeyOf(operation), Encoding.UTF8.GetString(operation.Value.Span), Version + 1, operation.ExpiresAt));
                break;
            case var _ when entry is null:
                return new(index, ResultStatus.NotFound);
            case OperationKind.Get:
                return new(index, ResultStatus.Done, previous, previous, entry.ExpiresAt, entry.Value);
            case OperationKind.Delete:
                _entries.Remove(entry);
                break;
            case OperationKind.Expire:
                Set(entry with { Version = Version + 1, ExpiresAt = operation.ExpiresAt });
                break;
        }
        return new(index, ResultStatus.Done, Version + 1, previous);
    }

    private void Set(RecordedEntry entry)
    {
        _entries.RemoveAll(e => e.Key == entry.Key);
        int at = _entries.FindIndex(e => Compare(e.Key, entry.Key) > 0);
        _entries.Insert(at < 0 ? _entries.Count : at, entry);
    }
}
