namespace KestrelKv.Storage.Tests.Durability;

/// <summary>Takes a listing, holds it against the history, and knows which version must be durable before it may be shown.</summary>
internal sealed class ShownEntries : IEntrySink
{
    private readonly List<RecordedEntry> _expected;
    private int _count;

    public ShownEntries(CommitHistory history, ListQuery query, long now) => (_expected, Version) = history.List(query, now);

    /// <inheritdoc cref="ShownResults.Version"/>
    public long Version { get; }

    /// <inheritdoc cref="ShownResults.Wrong"/>
    public string? Wrong { get; private set; }

    public bool OnEntry(in EntryView entry)
    {
        RecordedEntry told = new(StoredEntry.Text(entry.Key), StoredEntry.Text(entry.Value), entry.Version, entry.ExpiresAt);
        RecordedEntry? expected = _count < _expected.Count ? _expected[_count] : null;
        if (told != expected) Wrong ??= $"Entry {_count} of a listing: {told}, expected {expected}.";
        _count++;
        return true;
    }

    /// <summary>The listing has come to its end.</summary>
    public void End()
    {
        if (_count < _expected.Count) Wrong ??= $"A listing of {_count} entries, expected {_expected.Count}.";
    }
}
