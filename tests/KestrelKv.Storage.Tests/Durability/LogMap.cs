using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The layout of a segment according to its format, independent of the reader under test.</summary>
internal sealed class LogMap
{
    public LogMap(byte[] contents)
    {
        for (int at = FileHeader.Bytes; at + LogRecord.HeaderBytes <= contents.Length;)
        {
            LogRecordHeader header = LogRecord.ReadHeader(contents.AsSpan(at));
            if (header.IsZero) break;
            LogRecords.Add(new(header, at, at + header.LogRecordBytes));
            at += header.LogRecordBytes;
        }
    }

    public List<Place> LogRecords { get; } = [];

    /// <summary>Returns the first log record that overlaps a range of bytes.</summary>
    public Place? FirstIn(int from, int to) => LogRecords.Find(logRecord => logRecord.Overlaps(from, to));

    /// <summary>Whether a mark outside of a range of bytes proves that a log record was synced.</summary>
    public bool IsProven(Place logRecord, int from, int to) =>
        LogRecords.Exists(
            mark => mark.Header.Kind == LogRecordKind.Mark && !mark.Overlaps(from, to) && mark.Header.Number > logRecord.Start);

    /// <summary>Returns the version of the last commit before an offset; null if this segment has none.</summary>
    public long? LastVersionBefore(int offset) =>
        LogRecords.FindLast(logRecord => logRecord.Header.Kind == LogRecordKind.Commit && logRecord.End <= offset)?.Header.Number;

    internal sealed record Place(LogRecordHeader Header, int Start, int End)
    {
        public bool Overlaps(int from, int to) => Start < to && from < End;
    }
}
