namespace KestrelKv.Storage.Feed;

/// <summary>Reads the history commit by commit. It references a block, so it must be kept only during a read.</summary>
internal struct HistoryCursor(ChangeHistory history)
{
    private HistoryBlock? _block;
    private int _offset;

    /// <summary>Whether the cursor has a position.</summary>
    public readonly bool IsPlaced => _block is not null;

    /// <summary>Moves to a commit, or to the place where it will be. Returns false if the commit was released.</summary>
    public bool TrySeek(long version)
    {
        _offset = 0;
        _block = history.BlockOf(version);
        if (_block is null) return false;
        for (int used = _block.Used; _offset < used;)
        {
            HistoryCommit commit = _block.At(_offset);
            if (commit.Version >= version) break;
            _offset += commit.LogRecordBytes;
        }
        return true;
    }

    /// <summary>Reads the next commit up to a version. Returns false if there is none, or if its block was released.</summary>
    public bool TryNext(long upTo, out HistoryCommit commit)
    {
        commit = default;
        while (_block is not null)
        {
            if (_offset < _block.Used)
            {
                commit = _block.At(_offset);
                if (commit.Version > upTo) return false;
                _offset += commit.LogRecordBytes;
                return true;
            }

            // A block with a successor no longer grows, but it may have grown since the check above.
            if (history.Block(_block.Number + 1) is not { } next) return false;
            if (_offset < _block.Used) continue;
            (_block, _offset) = (next, 0);
        }
        return false;
    }
}
