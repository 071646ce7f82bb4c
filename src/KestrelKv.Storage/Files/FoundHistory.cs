using System.Buffers;
using KestrelKv.Storage.Commits;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Files;

/// <summary>
/// The segments before those that a start needs. Nothing depends on them: one that is damaged or missing just ends the history.
/// </summary>
internal static class FoundHistory
{
    private const int ReadBytes = 64 * 1024;

    /// <summary>Finds those that lie without a gap before the log.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="store">The number in the header of all files.</param>
    /// <param name="numbers">Those of all segments, in their order.</param>
    /// <param name="log">The first segment that a start needs.</param>
    /// <param name="logger">Is told of what is damaged.</param>
    public static List<KeptSegment> Of(IDisk disk, ulong store, List<long> numbers, KeptSegment log, ILogger logger)
    {
        List<KeptSegment> found = [];
        for (KeptSegment next = log; numbers.BinarySearch(next.Number - 1) >= 0;)
        {
            try
            {
                found.Add(next = Read(disk, store, next));
            }
            catch (Exception e) when (e is IOException or DataException)
            {
                Log.HistoryDamaged(logger, e.Message);
                break;
            }
        }
        found.Reverse();
        return found;
    }

    /// <summary>Reads the beginning of the segment before one.</summary>
    private static KeptSegment Read(IDisk disk, ulong store, KeptSegment next)
    {
        long number = next.Number - 1;
        string name = FileNames.OfSegment(number);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            using IDiskFile file = disk.Open(name);
            (FileHeader header, uint seed) = FileHeader.Read(file, name, FileKind.Segment);
            if (header.Number != number || header.Store != store) throw Damage.At(name, 0, "it does not belong to the other files");
            var scanner = new FrameScanner(file, seed, buffer);
            Scan scan;
            FrameHeader frame;
            ReadOnlySpan<byte> payload;
            while ((scan = scanner.Next(out frame, out payload)) == Scan.Frame && frame.Kind == FrameKind.Mark)
            {
            }
            if (scan != Scan.Frame)
                throw Damage.At(name, scanner.Offset, scan == Scan.Broken ? scanner.Reason : "the segment does not come to its end");
            long first = frame.Kind switch
            {
                FrameKind.Commit => frame.Number,
                FrameKind.VersionJump => VersionJump.Read(frame, payload).After + 1,
                _ => next.First,
            };
            if (first > next.First)
                throw Damage.At(name, scanner.Offset, $"its versions begin at {first}, those of the segment after it at {next.First}");
            return new(number, first, file.Length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
