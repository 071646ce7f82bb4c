using KestrelKv.Cli.Transfer.Text;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary>The changes of whole commits, as operations of one batch.</summary>
internal sealed class SyncGroup
{
    public ByteText Operations { get; } = new(4 * 1024);

    public int Count { get; set; }

    /// <summary>The version of the source after the group.</summary>
    public long Version { get; set; }
}

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
    private int _commitStart;
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
            (_commit, _commitStart, _commitCount) = (commit, _last?.Operations.Length ?? 0, _last?.Count ?? 0);
            if (_last is not null) _last.Version = _complete;
        }
        if (_last is null) Open();
        else if (_last.Count == SyncTarget.OperationsMax || _last.Operations.Length >= SyncTarget.BytesMax) OpenForCommit();
        SyncOperations.Change(_last!.Operations, change);
        _last.Count++;
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
        if (_commitCount > 0 && _commitCount < full.Count)
        {
            _last!.Operations.Add(full.Operations.Span[(_commitStart + 2)..]);
            _last.Count = full.Count - _commitCount;
            full.Operations.Truncate(_commitStart);
            full.Count = _commitCount;
        }
        (_commitStart, _commitCount) = (0, 0);
    }
}
