using KestrelKv.Cli.Scanning;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary>Groups the changes of a watch into batches. A commit is divided only if it is larger than a batch.</summary>
/// <param name="version">The version before the first change.</param>
internal sealed class SyncGroups(long version)
{
    private const int GroupsMax = 8;

    private readonly Queue<SyncGroup> _groups = new();
    private SyncGroup? _last;

    // The last version up to which all changes are in groups, and the commit that is being added.
    private long _complete = version;
    private long _commit;
    private int _commitCount;

    public int Count => _groups.Count;

    /// <summary>Whether further replies must wait.</summary>
    public bool IsFull => _groups.Count >= GroupsMax;

    /// <summary>The last version that the source has reported.</summary>
    public long Received { get; private set; } = version;

    public SyncGroup Dequeue()
    {
        SyncGroup group = _groups.Dequeue();
        if (group == _last) _last = null;
        return group;
    }

    /// <summary>Adds the changes of a reply.</summary>
    /// <param name="reply">The response of a watch.</param>
    /// <param name="movesPosition">Whether a group without changes moves the position if the reply has none.</param>
    public void Add(ReadOnlySpan<byte> reply, bool movesPosition)
    {
        var reader = new EntryReader(reply);
        while (reader.TryRead(out EntrySlice change))
            if (!SyncPosition.IsKey(change.Key)) Add(change);
        if (reader.Version > Received) Received = reader.Version;
        if (Received > _complete && movesPosition) _last ??= Open();
        _complete = Math.Max(_complete, Received);
        _commit = 0;
        if (_last is not null) _last.Version = _complete;
    }

    private void Add(scoped in EntrySlice change)
    {
        long commit = change.VersionNumber;
        if (commit != _commit)
        {
            if (_commit > 0) _complete = _commit;
            (_commit, _commitCount) = (commit, _last?.Count ?? 0);
            if (_last is not null) _last.Version = _complete;
        }
        if (_last is null) Open();
        while (_last!.Count == SyncTarget.OperationsMax || (_last.Count > 0 && _last.Bytes + change.Value.Length > SyncTarget.BytesMax))
            OpenForCommit();
        _last!.Add(change);
    }

    private SyncGroup Open()
    {
        _last = new() { Version = _complete };
        _groups.Enqueue(_last);
        return _last;
    }

    /// <summary>Opens another group, and moves the begun commit to it, unless the commit fills the whole group.</summary>
    private void OpenForCommit()
    {
        SyncGroup full = _last!;
        Open();
        if (_commitCount > 0 && _commitCount < full.Count) full.MoveTo(_last!, _commitCount);
        _commitCount = 0;
    }
}
