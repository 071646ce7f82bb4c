using System.Collections.Concurrent;

namespace KestrelKv.Storage.Durability;

/// <summary>Log records that wait to be written, one after another. The writer sets their checksums.</summary>
internal sealed class LogChunk
{
    /// <summary>The usual length of a chunk: 1 MiB. A longer log record gets a chunk of its own length.</summary>
    private const int UsualBytes = 1024 * 1024;

    /// <summary>The maximum number of pooled chunks: those in the queue of <see cref="WriteAheadLog"/> and those being written.</summary>
    private const int PooledMax = 32;

    private static readonly ConcurrentBag<LogChunk> Pool = [];

    private readonly byte[] _bytes;

    private LogChunk(int bytes) => _bytes = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);

    /// <summary>The number of bytes that hold log records.</summary>
    public int Used { get; set; }

    /// <summary>The version of the last commit in the chunk; 0 if there is none.</summary>
    public long LastVersion { get; set; }

    public bool HasMark { get; set; }

    /// <summary>The length of the segment that the chunk begins; 0 if it begins none.</summary>
    public long SegmentBytes { get; set; }

    public Span<byte> Free => _bytes.AsSpan(Used);

    public Span<byte> LogRecords => _bytes.AsSpan(0, Used);

    /// <summary>Returns an empty chunk with room for at least <paramref name="bytes"/>.</summary>
    public static LogChunk Rent(int bytes)
    {
        if (bytes > UsualBytes || !Pool.TryTake(out LogChunk? chunk)) return new LogChunk(Math.Max(bytes, UsualBytes));
        (chunk.Used, chunk.LastVersion, chunk.HasMark, chunk.SegmentBytes) = (0, 0, false, 0);
        return chunk;
    }

    public static void Return(LogChunk chunk)
    {
        if (chunk._bytes.Length == UsualBytes && Pool.Count < PooledMax) Pool.Add(chunk);
    }
}
