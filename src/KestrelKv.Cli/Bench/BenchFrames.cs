namespace KestrelKv.Cli.Bench;

/// <summary>The frames of the requests, and of the expected replies.</summary>
internal sealed class BenchFrames
{
    private readonly FrameShape[] _requests;
    private readonly FrameShape[] _replies;

    public BenchFrames(BenchData data)
    {
        _requests =
        [
            new("""{"func": "GET", "params": {"obj": "{key}"}}""", data),
            new("""{"func": "PUT", "params": {"obj": "{key}", "val": {value}}}""", data),
            new("""{"func": "PUT", "params": {"obj": "{key}", "val": {value}, "ack": "memory"}}""", data),
            new("""{"func": "DELETE", "params": {"obj": "{key}", "ack": "memory"}}""", data),
        ];
        var put = new FrameShape("""{"status": "OK", "response": {"func": "PUT", "response": {"obj": "{key}", "response": "ok"}}}""", data);
        var get = new FrameShape("""{"status": "OK", "response": {"func": "GET", "response": {"obj": "{key}", "val": {value}}}}""", data);
        _replies = [get, put, put];
        RequestBytesMax = _requests.Max(shape => shape.Length);
        ReplyBytesMax = Math.Max(get.Length, put.Length);
    }

    /// <summary>The length of the longest request.</summary>
    public int RequestBytesMax { get; }

    /// <summary>The length of the longest expected reply.</summary>
    public int ReplyBytesMax { get; }

    /// <summary>Writes a request.</summary>
    /// <returns>Its length.</returns>
    public int Write(Span<byte> to, BenchRequest request)
    {
        FrameShape shape = _requests[(int)request.Function];
        shape.Write(to, request.Key);
        return shape.Length;
    }

    /// <summary>Checks a reply, byte by byte. Of the reply to a DELETE, which has a version, only the beginning is known.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="request">The request.</param>
    /// <param name="scratch">Space for <see cref="ReplyBytesMax"/> bytes.</param>
    public bool IsExpected(ReadOnlySpan<byte> frame, BenchRequest request, Span<byte> scratch)
    {
        if (request.Function == BenchFunction.Remove) return frame[Client.FrameHeader.Bytes..].StartsWith("{\"status\": \"OK\", "u8);
        FrameShape shape = _replies[(int)request.Function];
        if (frame.Length != shape.Length) return false;
        shape.Write(scratch, request.Key);
        return frame.SequenceEqual(scratch[..shape.Length]);
    }
}
