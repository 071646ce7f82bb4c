using System.Diagnostics.CodeAnalysis;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// Every state that a store has been in, version by version, as its results told; and which version it must not fall
/// behind any more, because somebody was shown it.
/// </summary>
internal sealed class CommitHistory
{
    private readonly SortedDictionary<byte[], KeyHistory> _keys = new(KeyComparer.Instance);

    /// <summary>The version of the last commit that is known. Removals may have come after it.</summary>
    public long Last { get; private set; }

    /// <summary>The greatest version that any process has ever given to a commit, lost or not.</summary>
    private long _greatest;

    /// <summary>Where the versions of each process began, and the version that it had recovered.</summary>
    private readonly Dictionary<long, long> _starts = [];

    /// <summary>What is recovered after a crash has this version, or a later one.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>Somebody was shown what depends on this version.</summary>
    public void Acknowledge(long version) => Acknowledged = Math.Max(Acknowledged, version);

    /// <summary>A commit has changed an entry.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="version">The version of the commit; of changes of one version to one key the last one counts.</param>
    /// <param name="entry">What it has become; null where it was removed.</param>
    public void Set(ReadOnlySpan<byte> key, long version, StoredEntry? entry)
    {
        Of(key).Set(version, entry);
        Last = Math.Max(Last, version);
        _greatest = Math.Max(_greatest, version);
    }

    /// <summary>After a recovery, the versions of a process begin.</summary>
    /// <param name="version">The version after which they begin.</param>
    public void Start(long version)
    {
        if (version < _greatest) throw new LostDataException($"New versions follow {version}, though {_greatest} was given before.");
        if (version > Last) _starts[version] = Last;
        Last = _greatest = version;
    }

    /// <summary>The last version that is as good as a commit: starts of processes that have left no commits behind follow it.</summary>
    public long WithStarts(long commit)
    {
        while (_starts.Where(start => start.Value == commit).Select(start => start.Key).DefaultIfEmpty().Max() is var start and > 0) commit = start;
        return commit;
    }

    /// <summary>Whether the versions of a process began after this one.</summary>
    public bool IsStart(long version) => _starts.ContainsKey(version);

    /// <summary>Whether no commit that shows a change can lie between two versions.</summary>
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

    /// <summary>The entry was removed to make room, by a commit that nobody told of.</summary>
    /// <param name="key">The entry's key.</param>
    /// <param name="after">It was still there at this version.</param>
    /// <param name="at">It was gone at this one.</param>
    public void Lose(ReadOnlySpan<byte> key, long after, long at) => Of(key).Lose(after, at);

    /// <summary>Whether a commit is known whose changes cancel each other out: each key was absent, or may have expired, before it and is absent after it.</summary>
    public bool ChangesNothing(long version)
    {
        KeyHistory[] changed = [.. _keys.Values.Where(key => key.HasChangedAt(version))];
        return changed.Length > 0 && Array.TrueForAll(changed, key => key.At(version) is null && key.At(version - 1) is null or { ExpiresAt: not Operation.Never });
    }

    /// <summary>The entry as it is now.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, [NotNullWhen(true)] out StoredEntry? entry) =>
        (entry = Of(key).Latest.Entry) is not null;

    /// <summary>The version that has made a key what it is now, entry or none; 0 where it never had one.</summary>
    public long ChangedAt(ReadOnlySpan<byte> key) => Of(key).ChangedAt;

    /// <summary>What is visible now of the keys that a query is about, and the version that has made them what they are.</summary>
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
    /// What was recovered is the state after one of the commits, and none that was acknowledged is missing. All later ones
    /// are forgotten: they never were.
    /// </summary>
    /// <param name="version">The version that was recovered.</param>
    /// <param name="entries">All that is visible.</param>
    /// <param name="now">The time.</param>
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
            else throw new LostDataException($"At version {version} (acknowledged {Acknowledged}, last {Last}) there is {recovered}, expected {expected}.");
        }
        if (byKey.Count > 0) throw new LostDataException($"At version {version} there is {byKey.Values.First()}, expected nothing.");
        Last = version;
    }

    private KeyHistory Of(ReadOnlySpan<byte> key)
    {
        byte[] copy = key.ToArray();
        if (!_keys.TryGetValue(copy, out KeyHistory? history)) _keys[copy] = history = new();
        return history;
    }

    /// <summary>What one key has been, by version.</summary>
    private sealed class KeyHistory
    {
        private readonly List<(long Version, StoredEntry? Entry)> _states = [];
        private readonly List<(long After, long At)> _losses = [];

        public (long Version, StoredEntry? Entry) Latest => _states.Count == 0 ? default : _states[^1];

        /// <summary>The version of the last commit after which the key is not what it was before: one that adds and removes it shows nothing.</summary>
        public long ChangedAt => _states.FindLast(state => state.Entry is not null || At(state.Version - 1) is not null).Version;

        public void Set(long version, StoredEntry? entry)
        {
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
        }
    }
}

/// <summary>What was recovered is not what it must be.</summary>
internal sealed class LostDataException(string message) : Exception(message);
