using System.Buffers;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Feed;

/// <summary>
/// Receives a commit of the log, or a version jump, which has no changes. The changes are valid during the call. Returns false to stop
/// after this one.
/// </summary>
internal delegate bool CommitReader(long version, ReadOnlySpan<byte> records);

/// <summary>The position in the log of a watch that catches up.</summary>
internal sealed class LogCursor
{
    /// <summary>The number of the segment; 0 for none yet.</summary>
    public long Segment { get; set; }

    /// <summary>The offset of the next log record in the segment.</summary>
    public long Offset { get; set; }

    /// <summary>The checksum of the preceding record.</summary>
    public uint Previous { get; set; }

    /// <summary>The version of the preceding commit or version jump.</summary>
    public long Version { get; set; }
}

/// <summary>The history in the log. Thread-safe.</summary>
internal sealed class LogHistory(IDisk disk, RetainedSegments kept, ILogger logger) : IFeedHistory
{
    private const int SliceBytes = 256 * 1024;

    /// <inheritdoc/>
    public long Oldest => kept.Oldest;

    /// <inheritdoc/>
    /// <remarks>Blocks while it reads from the disk.</remarks>
    public ValueTask<bool> ReadAsync(LogCursor cursor, long position, long upTo, CommitReader read) =>
        new(Read(cursor, position, upTo, read));

    /// <summary>
    /// Reads the commits after <paramref name="position"/> from one segment, at most one slice of it. The commits up to
    /// <paramref name="upTo"/> must have been written. Returns false if a version jump skips the position, which then does not belong
    /// to this history.
    /// </summary>
    /// <exception cref="IOException">The disk cannot be read.</exception>
    private bool Read(LogCursor cursor, long position, long upTo, CommitReader read)
    {
        if (!kept.TryFind(position + 1, out RetainedSegment segment, out long next)) return true;
        string name = FileNames.OfSegment(segment.Number);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(SliceBytes);
        try
        {
            using IDiskFile file = disk.Open(name);
            (FileHeader header, uint seed) = FileHeader.Read(file, name, FileKind.Segment);
            if (header.Number != segment.Number) throw Damage.At(name, 0, $"the file is segment {header.Number}");
            if (cursor.Segment != segment.Number || cursor.Version > position)
            {
                (cursor.Segment, cursor.Version) = (segment.Number, segment.First - 1);
                (cursor.Offset, cursor.Previous) = (FileHeader.Bytes, seed);
            }
            return Read(new LogScanner(file, seed, buffer), name, cursor, position, Math.Min(upTo, next - 1), read);
        }
        catch (DataException e)
        {
            if (kept.MarkDamaged(segment.Number)) Files.Log.HistoryDamaged(logger, e.Message);
        }
        catch (FileNotFoundException e)
        {
            // If the segment was deleted as history, this logs nothing.
            if (kept.MarkDamaged(segment.Number)) Files.Log.HistoryDamaged(logger, e.Message);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return true;
    }

    private static bool Read(LogScanner scanner, string name, LogCursor cursor, long position, long upTo, CommitReader read)
    {
        scanner.ContinueFrom(cursor.Offset, cursor.Previous);
        long end = cursor.Offset + SliceBytes;
        for (bool acceptsMore = true; acceptsMore && cursor.Version < upTo && scanner.Offset < end;)
        {
            Scan scan = scanner.Next(out LogRecordHeader logRecord, out ReadOnlySpan<byte> records);
            bool isLogRecord = scan == Scan.LogRecord, isJump = isLogRecord && logRecord.Kind == LogRecordKind.VersionJump;
            VersionJump jump = isJump ? VersionJump.Read(logRecord, records) : default;
            bool isNext = isJump
                ? jump.CanFollow(cursor.Version)
                : isLogRecord && logRecord.Kind == LogRecordKind.Commit && logRecord.Number == cursor.Version + 1;
            bool isIgnored = isJump ? jump.Version == cursor.Version : isLogRecord && logRecord.Kind == LogRecordKind.Mark;
            if (!isNext && !isIgnored)
                throw Damage.At(name, cursor.Offset, scan == Scan.Broken ? scanner.Reason : $"version {cursor.Version + 1} is missing");
            if (isJump && jump.Skips(position)) return false;
            if (isNext && logRecord.Number > position) acceptsMore = read(logRecord.Number, isJump ? [] : records);
            (cursor.Offset, cursor.Previous) = (scanner.Offset, scanner.Previous);
            if (isNext) cursor.Version = logRecord.Number;
        }
        return true;
    }
}
