using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Feed;

/// <summary>A block of the history in memory: log records of commits, one after another.</summary>
/// <remarks>
/// One thread appends and any number of threads read. Bytes before <see cref="Used"/> never change. The memory is garbage-collected, so
/// a reader may still use a released block.
/// </remarks>
internal sealed class HistoryBlock(long number, long first, int bytes)
{
    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(bytes);
    private int _used;

    /// <summary>The number of the block, consecutive from 0.</summary>
    public long Number => number;

    public long First => first;

    public int Bytes => _bytes.Length;

    /// <summary>The offset of the next log record.</summary>
    public int Used => Volatile.Read(ref _used);

    /// <summary>The unused part. Used by the appending thread only.</summary>
    public Span<byte> Free => _bytes.AsSpan(_used);

    /// <summary>Marks the next bytes as used. Called by the appending thread only.</summary>
    public void Append(int logRecordBytes) => Volatile.Write(ref _used, _used + logRecordBytes);

    /// <summary>Returns the commit whose log record begins at an offset before <see cref="Used"/>.</summary>
    public HistoryCommit At(int offset)
    {
        ReadOnlySpan<byte> logRecord = _bytes.AsSpan(offset);
        LogRecordHeader header = LogRecord.ReadHeader(logRecord);
        long place = number << CommitPlace.OffsetBits | (uint)offset;
        return new(header.Number, place, header.LogRecordBytes, logRecord.Slice(LogRecord.HeaderBytes, header.PayloadBytes));
    }
}

internal readonly ref struct HistoryCommit(long version, long place, int logRecordBytes, ReadOnlySpan<byte> records)
{
    public long Version => version;

    public long Place => place;

    public int LogRecordBytes => logRecordBytes;

    public ReadOnlySpan<byte> Records { get; } = records;
}

/// <summary>The place of a commit in the history, as one number: the number of the block, and the offset in it.</summary>
internal static class CommitPlace
{
    public const int OffsetBits = 32;

    public static long BlockOf(long place) => place >> OffsetBits;

    public static int OffsetOf(long place) => (int)place;
}
