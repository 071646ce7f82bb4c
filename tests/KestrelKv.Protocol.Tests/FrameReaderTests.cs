using System.Buffers;
using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Protocol.Tests;

public sealed class FrameReaderTests
{
    private const int FrameBytesMax = 1_000;

    private static readonly string[] Bodies = ["{\"func\": 1}", "", "x", "é€😀"];

    private static readonly byte[] Stream = [.. Bodies.SelectMany(Frames.Of)];

    [Fact]
    public void TryRead_WholeStream_ReturnsBodiesInOrder() => AssertReadsAll(new(Stream));

    [Fact]
    public void TryRead_SplitAtEveryByte_ReturnsSameBodies()
    {
        for (int i = 0; i <= Stream.Length; i++) AssertReadsAll(Sequences.SplitAt(Stream, i));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(8)]
    public void TryRead_SmallSegments_ReturnsSameBodies(int segmentBytes)
    {
        AssertReadsAll(Sequences.Split(Stream, segmentBytes));
        AssertReadsAll(Sequences.SplitWithGaps(Stream, segmentBytes));
    }

    [Fact]
    public void TryRead_EveryPrefix_ReturnsWholeFramesAndLeavesRest()
    {
        int[] ends = [.. Bodies.Select((_, i) => Bodies.Take(i + 1).Sum(b => Frames.Of(b).Length))];
        for (int length = 0; length <= Stream.Length; length++)
        {
            var buffer = new ReadOnlySequence<byte>(Stream, 0, length);
            int whole = ends.Count(end => end <= length);
            Assert.Equal(Bodies[..whole], ReadAll(ref buffer));
            Assert.Equal(length - (whole == 0 ? 0 : ends[whole - 1]), buffer.Length);
        }
    }

    [Fact]
    public void TryRead_MaximumLength_IsAccepted()
    {
        string body = new('x', FrameBytesMax);
        var buffer = new ReadOnlySequence<byte>(Frames.Of(body));
        Assert.Equal([body], ReadAll(ref buffer));
        Assert.True(buffer.IsEmpty);
    }

    [Theory]
    [InlineData(1, -1, ErrorCode.InvalidLength, "length -1, expected 0 to 1000")]
    [InlineData(1, int.MinValue, ErrorCode.InvalidLength, "length -2147483648")]
    [InlineData(1, FrameBytesMax + 1, ErrorCode.FrameTooLong, "length 1001, expected at most 1000 bytes (Limits:FrameBytesMax)")]
    [InlineData(1, int.MaxValue, ErrorCode.FrameTooLong, "length 2147483647")]
    [InlineData(0, 5, ErrorCode.UnsupportedVersion, "version 0, expected 1")]
    [InlineData(2, 5, ErrorCode.UnsupportedVersion, "version 2, expected 1")]
    [InlineData(-1, 5, ErrorCode.UnsupportedVersion, "version -1, expected 1")]
    [InlineData(0x0100_0000, 0x0500_0000, ErrorCode.UnsupportedVersion, "little-endian")]
    [InlineData(2, -1, ErrorCode.UnsupportedVersion, "version 2")]
    public void TryRead_InvalidHeader_IsRefusedBeforeBodyArrives(int version, int length, ErrorCode code, string expected)
    {
        AssertRefused(Frames.Header(version, length), code, expected);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1")]
    [InlineData("POST /keys HTTP/1.1")]
    [InlineData("PUT /keys/a HTTP/1.1")]
    [InlineData("HEAD / HTTP/1.0")]
    [InlineData("DELETE /keys/a HTTP/1.1")]
    [InlineData("PATCH /keys/a HTTP/1.1")]
    [InlineData("OPTIONS * HTTP/1.1")]
    [InlineData("PRI * HTTP/2.0")]
    public void TryRead_HttpRequestLine_IsDetected(string line) =>
        AssertRefused(Encoding.ASCII.GetBytes(line), ErrorCode.HttpRequest, "HTTP");

    [Theory]
    [InlineData("GETTING STARTED")]
    [InlineData("get / HTTP/1.1")]
    [InlineData("PRI * GARBAGE")]
    public void TryRead_OtherText_IsUnsupportedVersion(string text) =>
        AssertRefused(Encoding.ASCII.GetBytes(text), ErrorCode.UnsupportedVersion, "expected 1");

    [Fact]
    public void TryRead_InvalidFrameAfterValidOnes_ReturnsValidOnesFirst()
    {
        byte[] bytes = [.. Stream, .. Frames.Header(1, -1)];
        var buffer = new ReadOnlySequence<byte>(bytes);
        foreach (string expected in Bodies)
        {
            Assert.True(FrameReader.TryRead(ref buffer, FrameBytesMax, out ReadOnlySequence<byte> body, out _));
            Assert.Equal(expected, Encoding.UTF8.GetString(body));
        }
        Assert.False(FrameReader.TryRead(ref buffer, FrameBytesMax, out _, out ProtocolError? error));
        Assert.Equal(ErrorCode.InvalidLength, error?.Code);
        Assert.Equal(FrameReader.HeaderBytes, buffer.Length);
    }

    [Fact]
    public void AtEnd_BetweenFrames_ReturnsNull() => Assert.Null(FrameReader.AtEnd(ReadOnlySequence<byte>.Empty));

    [Fact]
    public void AtEnd_InsideFrame_ReportsReceivedBytes()
    {
        byte[] frame = Frames.Of("{\"a\": 1}");
        for (int length = 1; length < frame.Length; length++)
        {
            string expected = length < FrameReader.HeaderBytes
                ? $"after {length} of the 8 bytes of a frame's header"
                : $"after {length - 8} of the 8 bytes of a frame's body";
            foreach (ReadOnlySequence<byte> rest in Segmentations(frame.AsMemory(0, length)))
            {
                ProtocolError? error = FrameReader.AtEnd(rest);
                Assert.Equal(ErrorCode.TruncatedFrame, error?.Code);
                Assert.Contains(expected, error!.Message, StringComparison.Ordinal);
            }
        }
    }

    private static void AssertReadsAll(ReadOnlySequence<byte> buffer)
    {
        Assert.Equal(Bodies, ReadAll(ref buffer));
        Assert.True(buffer.IsEmpty);
    }

    /// <summary>Asserts that a frame is refused once its header is complete, not before, and that no byte is consumed.</summary>
    private static void AssertRefused(byte[] bytes, ErrorCode code, string expected)
    {
        for (int length = 0; length <= bytes.Length; length++)
        {
            foreach (ReadOnlySequence<byte> received in Segmentations(bytes.AsMemory(0, length)))
            {
                ReadOnlySequence<byte> buffer = received;
                Assert.False(FrameReader.TryRead(ref buffer, FrameBytesMax, out _, out ProtocolError? error));
                Assert.Equal(length, buffer.Length);
                Assert.Equal(length < FrameReader.HeaderBytes ? null : code, error?.Code);
                if (error is not null) Assert.Contains(expected, error.Message, StringComparison.Ordinal);
            }
        }
    }

    private static IEnumerable<ReadOnlySequence<byte>> Segmentations(ReadOnlyMemory<byte> bytes) =>
        [new(bytes), Sequences.Split(bytes, 1), Sequences.SplitWithGaps(bytes, 3)];

    private static List<string> ReadAll(ref ReadOnlySequence<byte> buffer)
    {
        List<string> bodies = [];
        while (FrameReader.TryRead(ref buffer, FrameBytesMax, out ReadOnlySequence<byte> body, out ProtocolError? error))
        {
            Assert.Null(error);
            bodies.Add(Encoding.UTF8.GetString(body));
        }
        return bodies;
    }
}
