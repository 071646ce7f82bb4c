using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Feed;

/// <summary>The history in memory: the log records of recent commits, in the order of versions, without gaps.</summary>
/// <remarks>
/// One thread at a time appends. Readers take the lock only to find a block. If the blocks exceed their maximum size, the oldest are
/// released. A reader therefore keeps the number of a block between reads, not a reference.
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

    /// <param name="bytesMax">The maximum size of all blocks, in bytes. The newest block is kept regardless of its length.</param>
    public ChangeHistory(long bytesMax)
    {
        _bytesMax = bytesMax;
        _blockBytes = (int)Math.Clamp(bytesMax / 4, LogRecord.HeaderBytes, BlockBytesMax);
    }

    /// <summary>
    /// The version of the first commit in the history, or of the next one if it is empty; <see cref="long.MaxValue"/> while that is
    /// unknown.
    /// </summary>
    public long First => Volatile.Read(ref _first);

    /// <summary>Sets the version of the first commit. Must be called before anything is appended.</summary>
    public void BeginAt(long version) => Volatile.Write(ref _first, version);

    /// <summary>Reserves space for the record of the next commit. <see cref="Append()"/> must follow.</summary>
    public Span<byte> Reserve(long version, int logRecordBytes)
    {
        if (_open is null || _open.Free.Length < logRecordBytes) Open(version, logRecordBytes);
        _reservedBytes = logRecordBytes;
        return _open!.Free[..logRecordBytes];
    }

    public void Append() => _open!.Append(_reservedBytes);

    /// <summary>Appends the commits among these log records.</summary>
    public void Append(ReadOnlySpan<byte> logRecords)
    {
        while (!logRecords.IsEmpty)
        {
            LogRecordHeader header = LogRecord.ReadHeader(logRecords);
            ReadOnlySpan<byte> logRecord = logRecords[..header.LogRecordBytes];
            logRecords = logRecords[header.LogRecordBytes..];
            if (header.Kind != LogRecordKind.Commit) continue;
            logRecord.CopyTo(Reserve(header.Number, logRecord.Length));
            Append();
        }
    }

    /// <summary>Removes all commits. The history continues with the next appended commit.</summary>
    public void Drop()
    {
        _lock.Enter();
        _blocks.Clear();
        _bytes = 0;
        Volatile.Write(ref _first, long.MaxValue);
        _lock.Exit();
        _open = null;
    }

    /// <summary>Returns a block; null if it was released or does not exist yet.</summary>
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

    /// <summary>Returns the block that contains a commit, or will contain it; null if it was released.</summary>
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

    private void Open(long version, int logRecordBytes)
    {
        var block = new HistoryBlock(_nextNumber, version, Math.Max(logRecordBytes, _blockBytes));
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
