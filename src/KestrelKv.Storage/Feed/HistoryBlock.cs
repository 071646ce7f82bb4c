using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Feed;

/// <summary>A part of the history in memory: frames of commits, one behind the other, as the log has them.</summary>
/// <remarks>
/// One thread appends, any number read: what lies before <see cref="Used"/> never changes. It is memory of the garbage
/// collector's, so that who still reads a block that was let go of does no harm.
/// </remarks>
internal sealed class HistoryBlock(long number, long first, int bytes)
{
    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(bytes);
    private int _used;

    /// <summary>Counted from 0, one more with each block.</summary>
    public long Number => number;

    /// <summary>The version of its first commit.</summary>
    public long First => first;

    /// <summary>How many bytes it takes.</summary>
    public int Bytes => _bytes.Length;

    /// <summary>Where the next frame goes.</summary>
    public int Used => Volatile.Read(ref _used);

    /// <summary>What there is room for; for who appends.</summary>
    public Span<byte> Free => _bytes.AsSpan(_used);

    /// <summary>So many bytes more have frames; for who appends.</summary>
    public void Append(int frameBytes) => Volatile.Write(ref _used, _used + frameBytes);

    /// <summary>The commit whose frame begins at an offset before <see cref="Used"/>.</summary>
    public HistoryCommit At(int offset)
    {
        ReadOnlySpan<byte> frame = _bytes.AsSpan(offset);
        FrameHeader header = Frame.ReadHeader(frame);
        long place = number << CommitPlace.OffsetBits | (uint)offset;
        return new(header.Number, place, header.FrameBytes, frame.Slice(Frame.HeaderBytes, header.PayloadBytes));
    }
}

/// <summary>A commit in the history.</summary>
/// <param name="version">Its version.</param>
/// <param name="place">Where it is (<see cref="CommitPlace"/>).</param>
/// <param name="frameBytes">How long its frame is.</param>
/// <param name="records">Its changes.</param>
internal readonly ref struct HistoryCommit(long version, long place, int frameBytes, ReadOnlySpan<byte> records)
{
    public long Version => version;

    public long Place => place;

    public int FrameBytes => frameBytes;

    public ReadOnlySpan<byte> Records { get; } = records;
}

/// <summary>Where in the history a commit is, as one number: the block's, and the offset in it.</summary>
internal static class CommitPlace
{
    public const int OffsetBits = 32;

    public static long BlockOf(long place) => place >> OffsetBits;

    public static int OffsetOf(long place) => (int)place;
}
