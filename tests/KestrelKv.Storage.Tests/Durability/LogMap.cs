using KestrelKv.Storage.Durability;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>What lies where in a segment of the log, as its format says, and not as the reader under test does.</summary>
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

    /// <summary>Where the frames end.</summary>
    public int End => Frames.Count == 0 ? FileHeader.Bytes : Frames[^1].End;

    /// <summary>The version of the last commit; 0 where there is none.</summary>
    public long LastVersion => Commits.LastOrDefault()?.Header.Number ?? 0;

    private IEnumerable<Place> Commits => Frames.Where(frame => frame.Header.Kind == FrameKind.Commit);

    /// <summary>The first version that is affected where bytes are changed; null where none is.</summary>
    public long? FirstAffected(int from, int to) => Commits.FirstOrDefault(commit => commit.Overlaps(from, to))?.Header.Number;

    /// <summary>Up to where the marks, those left alone, prove that all had been synced.</summary>
    public long ProvenEnd(int from, int to) => Frames
        .Where(frame => frame.Header.Kind == FrameKind.Mark && !frame.Overlaps(from, to))
        .Select(frame => frame.Header.Number)
        .DefaultIfEmpty(FileHeader.Bytes).Max();

    /// <summary>A frame, and where it lies.</summary>
    internal sealed record Place(FrameHeader Header, int Start, int End)
    {
        public bool Overlaps(int from, int to) => Start < to && from < End;
    }
}
