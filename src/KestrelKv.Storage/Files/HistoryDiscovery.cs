using System.Buffers;
using KestrelKv.Storage.Commits;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Files;

/// <summary>
/// Finds the historical segments at a start. The start does not need them: a damaged or missing one only shortens the history.
/// </summary>
internal static class HistoryDiscovery
{
    private const int ReadBytes = 64 * 1024;

    /// <summary>Returns the segments that precede <paramref name="log"/> without a gap, and logs damage.</summary>
    public static List<RetainedSegment> Of(IDisk disk, ulong store, List<long> numbers, RetainedSegment log, ILogger logger)
    {
        List<RetainedSegment> found = [];
        for (RetainedSegment next = log; numbers.BinarySearch(next.Number - 1) >= 0;)
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

    private static RetainedSegment Read(IDisk disk, ulong store, RetainedSegment next)
    {
        long number = next.Number - 1;
        string name = FileNames.OfSegment(number);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            using IDiskFile file = disk.Open(name);
            (FileHeader header, uint seed) = FileHeader.Read(file, name, FileKind.Segment);
            if (header.Number != number || header.Store != store) throw Damage.At(name, 0, "the file does not belong to this log");
            var scanner = new LogScanner(file, seed, buffer);
            Scan scan;
            LogRecordHeader logRecord;
            ReadOnlySpan<byte> payload;
            while ((scan = scanner.Next(out logRecord, out payload)) == Scan.LogRecord && logRecord.Kind == LogRecordKind.Mark)
            {
            }
            if (scan != Scan.LogRecord)
                throw Damage.At(name, scanner.Offset, scan == Scan.Broken ? scanner.Reason : "the segment has no end record");
            long first = logRecord.Kind switch
            {
                LogRecordKind.Commit => logRecord.Number,
                LogRecordKind.VersionJump => VersionJump.Read(logRecord, payload).After + 1,
                _ => next.First,
            };
            if (first > next.First)
                throw Damage.At(name, scanner.Offset, $"the segment begins at version {first}, the next one at {next.First}");
            return new(number, first, file.Length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
