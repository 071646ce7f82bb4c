using System.Buffers;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Feed;

/// <summary>Takes a commit of the log, or a jump, which has no records; the records are valid during the call.</summary>
/// <returns>False to stop after this one.</returns>
internal delegate bool CommitReader(long version, ReadOnlySpan<byte> records);

/// <summary>Where in the log a watch reads that catches up.</summary>
internal sealed class LogCursor
{
    /// <summary>The segment; 0 for none yet.</summary>
    public long Segment { get; set; }

    /// <summary>Where in it the next frame begins.</summary>
    public long Offset { get; set; }

    /// <summary>The checksum of the frame before.</summary>
    public uint Previous { get; set; }

    /// <summary>The version of the last commit or jump before that.</summary>
    public long Version { get; set; }
}

/// <summary>What of the past the log has, for the feed. For use by many threads.</summary>
internal sealed class LogHistory(IDisk disk, KeptSegments kept, ILogger logger)
{
    /// <summary>What is read at a time.</summary>
    private const int SliceBytes = 256 * 1024;

    /// <summary>The version of the first commit that it has; <see cref="long.MaxValue"/> for none.</summary>
    public long Oldest => kept.Oldest;

    /// <summary>Reads on in one segment, a slice of it at the most.</summary>
    /// <param name="cursor">Where it has come to.</param>
    /// <param name="position">Commits after this one are wanted.</param>
    /// <param name="upTo">And none after this one, which has been written.</param>
    /// <param name="read">Takes them.</param>
    /// <returns>False if a jump skips the position: it is not one of this history.</returns>
    /// <exception cref="IOException">The disk can't be read.</exception>
    public bool Read(LogCursor cursor, long position, long upTo, CommitReader read)
    {
        if (!kept.TryFind(position + 1, out KeptSegment segment, out long next)) return true;
        string name = FileNames.OfSegment(segment.Number);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(SliceBytes);
        try
        {
            using IDiskFile file = disk.Open(name);
            (FileHeader header, uint seed) = FileHeader.Read(file, name, FileKind.Segment);
            if (header.Number != segment.Number) throw Damage.At(name, 0, $"it is segment {header.Number}");
            if (cursor.Segment != segment.Number || cursor.Version > position)
            {
                (cursor.Segment, cursor.Version) = (segment.Number, segment.First - 1);
                (cursor.Offset, cursor.Previous) = (FileHeader.Bytes, seed);
            }
            return Read(new FrameScanner(file, seed, buffer), name, cursor, position, Math.Min(upTo, next - 1), read);
        }
        catch (DataException e)
        {
            if (kept.Distrust(segment.Number)) Files.Log.HistoryDamaged(logger, e.Message);
        }
        catch (FileNotFoundException e)
        {
            // It may have been deleted just now, as it should be.
            if (kept.Distrust(segment.Number)) Files.Log.HistoryDamaged(logger, e.Message);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return true;
    }

    private static bool Read(FrameScanner scanner, string name, LogCursor cursor, long position, long upTo, CommitReader read)
    {
        scanner.GoOnFrom(cursor.Offset, cursor.Previous);
        long end = cursor.Offset + SliceBytes;
        for (bool goOn = true; goOn && cursor.Version < upTo && scanner.Offset < end;)
        {
            Scan scan = scanner.Next(out FrameHeader frame, out ReadOnlySpan<byte> records);
            bool isFrame = scan == Scan.Frame, isJump = isFrame && frame.Kind == FrameKind.VersionJump;
            VersionJump jump = isJump ? VersionJump.Read(frame, records) : default;
            bool isStep = isJump ? jump.CanFollow(cursor.Version) : isFrame && frame.Kind == FrameKind.Commit && frame.Number == cursor.Version + 1;
            bool isNoStep = isJump ? jump.Version == cursor.Version : isFrame && frame.Kind == FrameKind.Mark;
            if (!isStep && !isNoStep)
                throw Damage.At(name, cursor.Offset, scan == Scan.Broken ? scanner.Reason : $"version {cursor.Version + 1} is not there");
            if (isJump && jump.Skips(position)) return false;
            if (isStep && frame.Number > position) goOn = read(frame.Number, isJump ? [] : records);
            (cursor.Offset, cursor.Previous) = (scanner.Offset, scanner.Previous);
            if (isStep) cursor.Version = frame.Number;
        }
        return true;
    }
}
