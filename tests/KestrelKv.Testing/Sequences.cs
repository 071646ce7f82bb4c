using System.Buffers;

namespace KestrelKv.Testing;

/// <summary>Splits bytes into segments, as a socket may deliver them.</summary>
public static class Sequences
{
    public static ReadOnlySequence<byte> Split(ReadOnlyMemory<byte> bytes, int segmentBytes) =>
        Of([.. Chunks(bytes, segmentBytes)]);

    /// <summary>Like <see cref="Split"/>, with an empty segment before, between and after them.</summary>
    public static ReadOnlySequence<byte> SplitWithGaps(ReadOnlyMemory<byte> bytes, int segmentBytes) =>
        Of([default, .. Chunks(bytes, segmentBytes).SelectMany(chunk => (ReadOnlyMemory<byte>[])[chunk, default])]);

    public static ReadOnlySequence<byte> SplitAt(ReadOnlyMemory<byte> bytes, int position) =>
        Of(bytes[..position], bytes[position..]);

    /// <summary>Returns a sequence of segments, empty ones included.</summary>
    public static ReadOnlySequence<byte> Of(params ReadOnlyMemory<byte>[] segments)
    {
        if (segments.Length == 0) return ReadOnlySequence<byte>.Empty;
        var first = new Segment(segments[0], 0);
        Segment last = first;
        foreach (ReadOnlyMemory<byte> memory in segments.Skip(1)) last = last.Append(memory);
        return new(first, 0, last, last.Memory.Length);
    }

    public static IEnumerable<ReadOnlyMemory<byte>> Chunks(ReadOnlyMemory<byte> bytes, int chunkBytes)
    {
        for (; bytes.Length > chunkBytes; bytes = bytes[chunkBytes..]) yield return bytes[..chunkBytes];
        if (!bytes.IsEmpty) yield return bytes;
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long runningIndex)
        {
            Memory = memory;
            RunningIndex = runningIndex;
        }

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
