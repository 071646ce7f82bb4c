namespace KestrelKv.Server.Tests.Histories;

/// <summary>An entry of the model.</summary>
/// <param name="Value">Its value.</param>
/// <param name="Version">Its version; 0 for no entry; -n where no reply has told it, and it is at least n.</param>
internal readonly record struct ModelEntry(long Value, long Version)
{
    public bool IsThere => Version != 0;

    /// <summary>Whether its version may be this one.</summary>
    public bool MayBe(long version) => Version < 0 ? version >= -Version : version == Version;
}

/// <summary>All that the model has: the entries of a few keys, and the last version.</summary>
internal sealed class StoreState : IEquatable<StoreState>
{
    private readonly ModelEntry[] _entries;

    public StoreState(int keys) => _entries = new ModelEntry[keys];

    /// <summary>A copy.</summary>
    public StoreState(StoreState other) => (_entries, Last) = ([.. other._entries], other.Last);

    /// <summary>The highest version that is known of a commit; none after it has the same.</summary>
    public long Last { get; set; }

    /// <summary>The version of a commit that comes next, and of which no reply tells it.</summary>
    public long NextUntold => -(Last + 1);

    public ModelEntry this[int key]
    {
        get => _entries[key];
        set => _entries[key] = value;
    }

    /// <summary>Somebody was told the version of an entry.</summary>
    /// <returns>False where it can't have this one.</returns>
    public bool TryTell(int key, long version)
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
