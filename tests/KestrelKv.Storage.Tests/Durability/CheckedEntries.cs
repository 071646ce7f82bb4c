namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// Receives a listing, compares it with the history, and tracks the version that must be durable before the listing may be visible.
/// </summary>
internal sealed class CheckedEntries : IEntrySink
{
    private readonly List<RecordedEntry> _expected;
    private int _count;

    public CheckedEntries(CommitHistory history, ListQuery query, long now) => (_expected, Version) = history.List(query, now);

    /// <inheritdoc cref="CheckedResults.Version"/>
    public long Version { get; }

    /// <inheritdoc cref="CheckedResults.Wrong"/>
    public string? Wrong { get; private set; }

    public bool OnEntry(in EntryView entry)
    {
        RecordedEntry actual = new(StoredEntry.Text(entry.Key), StoredEntry.Text(entry.Value), entry.Version, entry.ExpiresAt);
        RecordedEntry? expected = _count < _expected.Count ? _expected[_count] : null;
        if (actual != expected) Wrong ??= $"Entry {_count} of a listing: {actual}, expected {expected}.";
        _count++;
        return true;
    }

    public void End()
    {
        if (_count < _expected.Count) Wrong ??= $"A listing of {_count} entries, expected {_expected.Count}.";
    }
}
