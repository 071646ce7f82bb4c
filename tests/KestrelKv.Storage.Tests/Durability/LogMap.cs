using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The layout of a segment according to its format, independent of the reader under test.</summary>
internal sealed class LogMap
{
    public LogMap(byte[] contents)
    {
        for (int at = FileHeader.Bytes; at + Frame.HeaderBytes <= contents.Length;)
        {
            FrameHeader header = Frame.ReadHeader(contents.AsSpan(at));
            if (header.IsZero) break;
            Frames.Add(new(header, at, at + header.FrameBytes));
            at += header.FrameBytes;
        }
    }

    public List<Place> Frames { get; } = [];

    /// <summary>Returns the first log record that overlaps a range of bytes.</summary>
    public Place? FirstIn(int from, int to) => Frames.Find(frame => frame.Overlaps(from, to));

    /// <summary>Whether a mark outside of a range of bytes proves that a log record was synced.</summary>
    public bool IsProven(Place frame, int from, int to) =>
        Frames.Exists(mark => mark.Header.Kind == FrameKind.Mark && !mark.Overlaps(from, to) && mark.Header.Number > frame.Start);

    /// <summary>Returns the version of the last commit before an offset; null if this segment has none.</summary>
    public long? LastVersionBefore(int offset) =>
        Frames.FindLast(frame => frame.Header.Kind == FrameKind.Commit && frame.End <= offset)?.Header.Number;

    internal sealed record Place(FrameHeader Header, int Start, int End)
    {
        public bool Overlaps(int from, int to) => Start < to && from < End;
    }
}
