using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Feed;

/// <summary>The recent past in memory: the frames of commits, in the order of versions, none left out.</summary>
/// <remarks>
/// One thread at a time appends. Readers take the lock only to find a block. Once the blocks come to more than they may, the
/// oldest is let go of: so a reader keeps the number of a block, and no block, while it does not read.
/// </remarks>
internal sealed class ChangeHistory
{
    private const int BlockBytesMax = 256 * 1024;

    private readonly long _bytesMax;
    private readonly int _blockBytes;
    private readonly List<HistoryBlock> _blocks = [];
    private ShortLock _lock;
    private HistoryBlock? _open;
    private long _nextNumber;
    private int _reservedBytes;
    private long _bytes;
    private long _first = long.MaxValue;

    /// <param name="bytesMax">What its blocks may come to. The newest one is kept, however long it is.</param>
    public ChangeHistory(long bytesMax)
    {
        _bytesMax = bytesMax;
        _blockBytes = (int)Math.Clamp(bytesMax / 4, Frame.HeaderBytes, BlockBytesMax);
    }

    /// <summary>The version of the first commit that it has, or is to have; <see cref="long.MaxValue"/> while that is not known.</summary>
    public long First => Volatile.Read(ref _first);

    /// <summary>Before anything is appended: which version that will be.</summary>
    public void BeginAt(long version) => Volatile.Write(ref _first, version);

    /// <summary>Room for the frame of the next commit. To be followed by <see cref="Append()"/>.</summary>
    public Span<byte> Reserve(long version, int frameBytes)
    {
        if (_open is null || _open.Free.Length < frameBytes) Open(version, frameBytes);
        _reservedBytes = frameBytes;
        return _open!.Free[..frameBytes];
    }

    /// <summary>The frame that room was reserved for is written.</summary>
    public void Append() => _open!.Append(_reservedBytes);

    /// <summary>Appends frames of the log, of which those that are no commits are left out.</summary>
    public void Append(ReadOnlySpan<byte> frames)
    {
        while (!frames.IsEmpty)
        {
            FrameHeader header = Frame.ReadHeader(frames);
            ReadOnlySpan<byte> frame = frames[..header.FrameBytes];
            frames = frames[header.FrameBytes..];
            if (header.Kind != FrameKind.Commit) continue;
            frame.CopyTo(Reserve(header.Number, frame.Length));
            Append();
        }
    }

    /// <summary>Forgets all commits. The history continues with the next one that is appended.</summary>
    public void Drop()
    {
        _lock.Enter();
        _blocks.Clear();
        _bytes = 0;
        Volatile.Write(ref _first, long.MaxValue);
        _lock.Exit();
        _open = null;
    }

    /// <summary>A block; null where it was let go of, or is not there yet.</summary>
    public HistoryBlock? Block(long number)
    {
        _lock.Enter();
        try
        {
            long index = _blocks.Count > 0 ? number - _blocks[0].Number : -1;
            return index >= 0 && index < _blocks.Count ? _blocks[(int)index] : null;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>The block that has a commit, or would have it if it were there already; null where it was let go of.</summary>
    public HistoryBlock? BlockOf(long version)
    {
        _lock.Enter();
        try
        {
            int low = 0, high = _blocks.Count;
            while (low < high)
            {
                int middle = (low + high) / 2;
                if (_blocks[middle].First <= version) low = middle + 1;
                else high = middle;
            }
            return low > 0 ? _blocks[low - 1] : null;
        }
        finally
        {
            _lock.Exit();
        }
    }

    private void Open(long version, int frameBytes)
    {
        var block = new HistoryBlock(_nextNumber, version, Math.Max(frameBytes, _blockBytes));
        _lock.Enter();
        try
        {
            _blocks.Add(block);
            _bytes += block.Bytes;
            int gone = 0;
            for (; _bytes > _bytesMax && gone < _blocks.Count - 1; gone++) _bytes -= _blocks[gone].Bytes;
            _blocks.RemoveRange(0, gone);
            if (gone > 0 || First == long.MaxValue) Volatile.Write(ref _first, _blocks[0].First);
        }
        finally
        {
            _lock.Exit();
        }
        _open = block;
        _nextNumber++;
    }
}
