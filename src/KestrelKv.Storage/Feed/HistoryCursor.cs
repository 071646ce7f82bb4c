namespace KestrelKv.Storage.Feed;

/// <summary>Reads the history commit by commit. It holds on to a block: to be kept only while it is read.</summary>
internal struct HistoryCursor(ChangeHistory history)
{
    private HistoryBlock? _block;
    private int _offset;

    /// <summary>Whether it stands somewhere.</summary>
    public readonly bool IsPlaced => _block is not null;

    /// <summary>Goes to where a commit is, or will be.</summary>
    /// <returns>False where it was let go of.</returns>
    public bool TrySeek(long version)
    {
        _offset = 0;
        _block = history.BlockOf(version);
        if (_block is null) return false;
        for (int used = _block.Used; _offset < used;)
        {
            HistoryCommit commit = _block.At(_offset);
            if (commit.Version >= version) break;
            _offset += commit.FrameBytes;
        }
        return true;
    }

    /// <summary>Takes the next commit.</summary>
    /// <param name="upTo">None that comes after this version.</param>
    /// <param name="commit">The commit.</param>
    /// <returns>False where there is none, or where the block that has it was let go of.</returns>
    public bool TryNext(long upTo, out HistoryCommit commit)
    {
        commit = default;
        while (_block is not null)
        {
            if (_offset < _block.Used)
            {
                commit = _block.At(_offset);
                if (commit.Version > upTo) return false;
                _offset += commit.FrameBytes;
                return true;
            }

            // A block that has another behind it gets no more: but it may have got some since it was asked.
            if (history.Block(_block.Number + 1) is not { } next) return false;
            if (_offset < _block.Used) continue;
            (_block, _offset) = (next, 0);
        }
        return false;
    }
}
