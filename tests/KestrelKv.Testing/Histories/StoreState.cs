namespace KestrelKv.Testing.Histories;

/// <summary>An entry of the model. Its version is 0 for no entry, and -n if no reply has reported it and it is at least n.</summary>
internal readonly record struct ModelEntry(long Value, long Version)
{
    public bool Exists => Version != 0;

    public bool MayBe(long version) => Version < 0 ? version >= -Version : version == Version;
}

/// <summary>The state of the model: the entries of a few keys, and the last version.</summary>
internal sealed class StoreState : IEquatable<StoreState>
{
    private readonly ModelEntry[] _entries;

    public StoreState(int keys) => _entries = new ModelEntry[keys];

    public StoreState(StoreState other) => (_entries, Last) = ([.. other._entries], other.Last);

    /// <summary>The highest version known of a commit. Later commits have higher ones.</summary>
    public long Last { get; set; }

    /// <summary>The version of the next commit if its reply does not report it.</summary>
    public long NextUnknown => -(Last + 1);

    public ModelEntry this[int key]
    {
        get => _entries[key];
        set => _entries[key] = value;
    }

    /// <summary>Records a reported version of an entry.</summary>
    /// <returns>False if the entry cannot have this version.</returns>
    public bool TryReport(int key, long version)
    {
        if (!_entries[key].MayBe(version)) return false;
        _entries[key] = _entries[key] with { Version = version };
        Last = Math.Max(Last, version);
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(StoreState? other) => other is not null && Last == other.Last && _entries.AsSpan().SequenceEqual(other._entries);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as StoreState);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (ModelEntry entry in _entries) hash.Add(entry);
        hash.Add(Last);
        return hash.ToHashCode();
    }
}
