namespace KestrelKv.Client.Watching;

/// <summary>
/// Decides which changes a snapshot already contains. The pages of a snapshot are read one after the other, so an entry may be newer than
/// the version at which the watch continues.
/// </summary>
internal sealed class SnapshotVersions
{
    // The entries that changed after the first page. Changes up to their versions are part of the snapshot.
    private readonly Dictionary<string, long> _newer = [];

    /// <summary>The version of the first page: all later changes are watched. -1 before the first page.</summary>
    public long Version { get; private set; } = -1;

    /// <summary>The version at which the snapshot is consistent: no page has a later entry, or lacks one that was removed later.</summary>
    public long LastVersion { get; private set; }

    public void AddPage(long version)
    {
        if (Version >= 0) return;
        Version = LastVersion = version;
    }

    public void Add(string key, long version)
    {
        if (version > Version) _newer[key] = version;
        LastVersion = Math.Max(LastVersion, version);
    }

    /// <summary>Records the last version that was visible after the last page had been read.</summary>
    public void End(long version) => LastVersion = Math.Max(LastVersion, version);

    /// <summary>Whether the snapshot already contains a change.</summary>
    public bool Contains<T>(in WatchEvent<T> change) => _newer.TryGetValue(change.Key, out long version) && change.Version <= version;

    /// <summary>Whether all changes up to <see cref="LastVersion"/> were reported when this event arrives.</summary>
    public bool IsCompleteAt<T>(in WatchEvent<T> change) =>
        change.Kind == WatchEventKind.Progress ? change.Version >= LastVersion : change.Version > LastVersion;
}
