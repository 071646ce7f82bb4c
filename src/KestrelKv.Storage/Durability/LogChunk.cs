using System.Collections.Concurrent;

namespace KestrelKv.Storage.Durability;

/// <summary>Frames that wait to be written, one behind the other. They have no checksums yet: the writer gives them these.</summary>
internal sealed class LogChunk
{
    /// <summary>What a chunk usually holds: 1 MiB. A frame that is longer gets one of its own length.</summary>
    private const int BytesUsual = 1024 * 1024;

    /// <summary>So many are kept for later: what <see cref="WriteAheadLog"/> has waiting at the most, and is writing.</summary>
    private const int KeptMax = 32;

    private static readonly ConcurrentBag<LogChunk> Kept = [];

    private readonly byte[] _bytes;

    private LogChunk(int bytes) => _bytes = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);

    /// <summary>How many bytes have frames.</summary>
    public int Used { get; set; }

    /// <summary>The version of its last commit; 0 where it has none.</summary>
    public long LastVersion { get; set; }

    /// <summary>Whether it begins with a mark.</summary>
    public bool HasMark { get; set; }

    /// <summary>Where it begins a new segment: how many bytes that is to have. Otherwise 0.</summary>
    public long SegmentBytes { get; set; }

    /// <summary>What there is room for.</summary>
    public Span<byte> Free => _bytes.AsSpan(Used);

    /// <summary>The frames.</summary>
    public Span<byte> Frames => _bytes.AsSpan(0, Used);

    /// <summary>An empty chunk with room for so many bytes.</summary>
    public static LogChunk Rent(int bytes)
    {
        if (bytes > BytesUsual || !Kept.TryTake(out LogChunk? chunk)) return new LogChunk(Math.Max(bytes, BytesUsual));
        (chunk.Used, chunk.LastVersion, chunk.HasMark, chunk.SegmentBytes) = (0, 0, false, 0);
        return chunk;
    }

    /// <summary>It is no longer needed.</summary>
    public static void Return(LogChunk chunk)
    {
        if (chunk._bytes.Length == BytesUsual && Kept.Count < KeptMax) Kept.Add(chunk);
    }
}
