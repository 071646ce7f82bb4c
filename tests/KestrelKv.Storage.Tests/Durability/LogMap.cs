using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>What lies where in a segment of the log, as its format says, and not as the reader under test finds it.</summary>
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

    /// <summary>The first frame that has any of these bytes.</summary>
    public Place? FirstIn(int from, int to) => Frames.Find(frame => frame.Overlaps(from, to));

    /// <summary>Whether a mark that has none of these bytes proves that a frame was synced.</summary>
    public bool IsProven(Place frame, int from, int to) =>
        Frames.Exists(mark => mark.Header.Kind == FrameKind.Mark && !mark.Overlaps(from, to) && mark.Header.Number > frame.Start);

    /// <summary>The version of the last commit before a place; null where there is none in this segment.</summary>
    public long? LastVersionBefore(int offset) =>
        Frames.FindLast(frame => frame.Header.Kind == FrameKind.Commit && frame.End <= offset)?.Header.Number;

    /// <summary>A frame, and where it lies.</summary>
    internal sealed record Place(FrameHeader Header, int Start, int End)
    {
        public bool Overlaps(int from, int to) => Start < to && from < End;
    }
}
