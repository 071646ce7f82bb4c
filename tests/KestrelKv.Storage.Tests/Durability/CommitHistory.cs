using System.Diagnostics.CodeAnalysis;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// All states of a store by version, according to its results, and the version that recovery must reach because it was visible.
/// </summary>
internal sealed class CommitHistory
{
    private readonly SortedDictionary<byte[], KeyHistory> _keys = new(KeyComparer.Instance);

    /// <summary>The version of the last known commit. Removals may have followed it.</summary>
    public long Last { get; private set; }

    /// <summary>The greatest version that any process has assigned, including lost ones.</summary>
    private long _greatest;

    /// <summary>The versions at which processes began, and the version that each had recovered.</summary>
    private readonly Dictionary<long, long> _starts = [];

    /// <summary>The lowest version that recovery may restore after a crash.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>Records that data which depends on this version was visible.</summary>
    public void Acknowledge(long version) => Acknowledged = Math.Max(Acknowledged, version);

    /// <summary>
    /// Records the new state of an entry; null if it was removed. Of several changes of one version, the last one counts.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="version">The version.</param>
    /// <param name="entry">The new state.</param>
    /// <param name="wasExpired">Whether the state before had expired, so that a commit of its own has removed it.</param>
    public void Set(ReadOnlySpan<byte> key, long version, StoredEntry? entry, bool wasExpired = false)
    {
        Of(key).Set(version, entry, wasExpired);
        Last = Math.Max(Last, version);
        _greatest = Math.Max(_greatest, version);
    }

    /// <summary>Records the version after which the versions of a process begin.</summary>
    public void Start(long version)
    {
        if (version < _greatest)
            throw new LostDataException($"New versions begin after {version}, but {_greatest} was assigned before.");
        if (version > Last) _starts[version] = Last;
        Last = _greatest = version;
    }

    /// <summary>Returns the last version that is equivalent to a commit: that of later starts which left no commits.</summary>
    public long WithStarts(long commit)
    {
        while (_starts.Where(start => start.Value == commit).Select(start => start.Key).DefaultIfEmpty().Max() is var start and > 0)
            commit = start;
        return commit;
    }

    /// <summary>Whether the versions of a process begin after this one.</summary>
    public bool IsStart(long version) => _starts.ContainsKey(version);

    /// <summary>Whether no commit with a visible change can lie between two versions.</summary>
    public bool Follows(long version, long last)
    {
        for (long before = version - 1; before > last;)
        {
            if (_starts.TryGetValue(before, out long recovered)) before = recovered;
            else if (ChangesNothing(before)) before--;
            else return false;
        }
        return version > last;
    }

    /// <summary>Records that an entry was evicted by an unreported commit, after one version and at the latest at another.</summary>
    public void Lose(ReadOnlySpan<byte> key, long after, long at) => Of(key).Lose(after, at);

    /// <summary>
    /// Whether the known changes of a commit cancel each other out: each key was absent, or may have expired, before it and is absent
    /// after it.
    /// </summary>
    public bool ChangesNothing(long version)
    {
        KeyHistory[] changed = [.. _keys.Values.Where(key => key.HasChangedAt(version))];
        return changed.Length > 0 &&
            Array.TrueForAll(changed, key => key.At(version) is null && key.At(version - 1) is null or { ExpiresAt: not Operation.Never });
    }

    public bool TryGet(ReadOnlySpan<byte> key, [NotNullWhen(true)] out StoredEntry? entry) =>
        (entry = Of(key).Latest.Entry) is not null;

    /// <summary>Returns the version that gave a key its current state, entry or none; 0 if it never had an entry.</summary>
    public long ChangedAt(ReadOnlySpan<byte> key) => Of(key).ChangedAt;

    /// <summary>Returns the visible entries of a query, and the version that gave them their state.</summary>
    public (List<RecordedEntry> Entries, long Version) List(ListQuery query, long now)
    {
        List<RecordedEntry> entries = [];
        long version = 0;
        ReadOnlyMemory<byte> low = query.Descending ? query.Until : query.After, high = query.Descending ? query.After : query.Until;
        foreach ((byte[] key, KeyHistory history) in query.Descending ? _keys.Reverse() : _keys)
        {
            if (!key.AsSpan().StartsWith(query.Prefix.Span) || KeyComparer.Instance.Compare(key, low.Span) <= 0) continue;
            if (!high.IsEmpty && KeyComparer.Instance.Compare(key, high.Span) >= 0) continue;
            (long changedAt, StoredEntry? entry) = (history.ChangedAt, history.Latest.Entry);
            if (entry is not null && entry.IsVisible(now))
            {
                if (entries.Count == query.Limit) break;
                entries.Add(entry.Under(key));
            }
            version = Math.Max(version, changedAt);
        }
        return (entries, version);
    }

    /// <summary>
    /// Checks that recovery restored the state after a commit and lost no acknowledged commit. Then removes all later commits.
    /// </summary>
    public void Recover(long version, IReadOnlyList<RecordedEntry> entries, long now)
    {
        if (version < Acknowledged) throw new LostDataException($"Version {Acknowledged} was acknowledged, {version} was recovered.");

        Dictionary<string, RecordedEntry> byKey = entries.ToDictionary(entry => entry.Key);
        foreach ((byte[] key, KeyHistory history) in _keys)
        {
            StoredEntry? atVersion = history.At(version);
            bool mayBeLost = history.MayBeLost(version);
            history.ForgetAfter(version);
            byKey.Remove(StoredEntry.Text(key), out RecordedEntry? recovered);
            RecordedEntry? expected = atVersion is not null && atVersion.IsVisible(now) ? atVersion.Under(key) : null;
            if (recovered == expected) continue;
            if (recovered is null && mayBeLost) history.Set(version, null);
            else throw new LostDataException(
                $"At version {version} (acknowledged {Acknowledged}, last {Last}) recovery restored {recovered}, expected {expected}.");
        }
        if (byKey.Count > 0)
            throw new LostDataException($"At version {version} recovery restored {byKey.Values.First()}, expected nothing.");
        Last = version;
    }

    private KeyHistory Of(ReadOnlySpan<byte> key)
    {
        byte[] copy = key.ToArray();
        if (!_keys.TryGetValue(copy, out KeyHistory? history)) _keys[copy] = history = new();
        return history;
    }

    private sealed class KeyHistory
    {
        private readonly List<(long Version, StoredEntry? Entry)> _states = [];
        private readonly List<(long After, long At)> _losses = [];
        private readonly HashSet<long> _afterExpiry = [];

        public (long Version, StoredEntry? Entry) Latest => _states.Count == 0 ? default : _states[^1];

        /// <summary>
        /// The version of the last commit that changed the visible state. A commit that adds and removes the key does not count, and
        /// neither does the removal of an expired entry before it.
        /// </summary>
        public long ChangedAt => _states
            .FindLast(state => state.Entry is not null || (At(state.Version - 1) is not null && !_afterExpiry.Contains(state.Version))).Version;

        public void Set(long version, StoredEntry? entry, bool wasExpired = false)
        {
            if (wasExpired) _afterExpiry.Add(version);
            if (Latest.Version == version) _states.RemoveAll(state => state.Version == version);
            _states.Add((version, entry));
        }

        public void Lose(long after, long at)
        {
            _losses.Add((after, at));
            Set(at, null);
        }

        public bool MayBeLost(long version) => _losses.Exists(loss => loss.After < version && version < loss.At);

        public bool HasChangedAt(long version) => _states.Exists(state => state.Version == version);

        public StoredEntry? At(long version) => _states.FindLast(state => state.Version <= version).Entry;

        public void ForgetAfter(long version)
        {
            _states.RemoveAll(state => state.Version > version);
            _losses.RemoveAll(loss => loss.At > version);
            _afterExpiry.RemoveWhere(at => at > version);
        }
    }
}

/// <summary>Recovery did not restore the expected data.</summary>
internal sealed class LostDataException(string message) : Exception(message);
