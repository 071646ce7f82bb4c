using System.Buffers;

namespace KestrelKv.Testing;

/// <summary>Buffers as a socket may deliver them.</summary>
public static class Sequences
{
    /// <summary>The bytes in segments of at most <paramref name="segmentBytes"/>.</summary>
    public static ReadOnlySequence<byte> Split(ReadOnlyMemory<byte> bytes, int segmentBytes) =>
        Of([.. Enumerable.Range(0, (bytes.Length + segmentBytes - 1) / segmentBytes)
            .Select(i => bytes.Slice(i * segmentBytes, Math.Min(segmentBytes, bytes.Length - i * segmentBytes)))]);

    /// <summary>The bytes in two segments.</summary>
    public static ReadOnlySequence<byte> SplitAt(ReadOnlyMemory<byte> bytes, int position) =>
        Of(bytes[..position], bytes[position..]);

    /// <summary>A sequence of these segments, empty ones included.</summary>
    public static ReadOnlySequence<byte> Of(params ReadOnlyMemory<byte>[] segments)
    {
        if (segments.Length == 0) return ReadOnlySequence<byte>.Empty;
        var first = new Segment(segments[0], 0);
        Segment last = first;
        foreach (ReadOnlyMemory<byte> memory in segments.Skip(1)) last = last.Append(memory);
        return new(first, 0, last, last.Memory.Length);
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
