namespace KestrelKv.Protocol;

/// <summary>The limits of what one request may ask for, whichever port it comes in by.</summary>
public sealed class RequestLimits
{
    /// <summary>By how much <see cref="FrameBytesMax"/> must exceed <see cref="KeyBytesMax"/>: what is around a key needs room.</summary>
    public const int FrameBytesAboveKeyMin = 1_024;

    /// <summary>The least that <see cref="ReadBytesMax"/> may be: 1 MiB.</summary>
    public const int ReadBytesMaxMin = 1024 * 1024;

    /// <summary>The longest request id, in bytes of UTF-8.</summary>
    public const int RequestIdBytesMax = 128;

    /// <summary>How many entries a page of keys has at the most.</summary>
    public const int PageEntriesMax = 1_000;

    /// <summary>How many it has at the most where the request does not say.</summary>
    public const int PageEntriesDefault = 100;

    /// <summary>The least time, in seconds, after which a watch without changes may be asked to send its position.</summary>
    public const decimal BookmarkSecondsMin = 0.1m;

    /// <summary>The greatest such time.</summary>
    public const decimal BookmarkSecondsMax = 3_600;

    /// <summary>That time where the request does not say.</summary>
    public const decimal BookmarkSecondsDefault = 10;

    /// <summary>
    /// The longest body of a request frame, in bytes; also of a value sent over HTTP. <see cref="KeyBytesMax"/>
    /// + 1,024 to 1,073,741,824. Default 16,777,216 (16 MiB). A connection can make the server hold one such body.
    /// </summary>
    public int FrameBytesMax { get; set; } = 16 * 1024 * 1024;

    /// <summary>The longest key, in bytes of UTF-8 after unescaping. 1 to 65,536. Default 4,096.</summary>
    public int KeyBytesMax { get; set; } = 4_096;

    /// <summary>
    /// What the values that one MGET or one batch reads may come to, in bytes, old values that it returns included; values count whole
    /// where only a part is asked for. 1,048,576 to 1,073,741,824. Default 67,108,864 (64 MiB). It bounds the longest reply.
    /// </summary>
    public int ReadBytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>
    /// How deep arrays and objects may be nested in a value: <c>[[1]]</c> is 2 deep. 512 to 100,000. Default 1,024.
    /// </summary>
    public int JsonDepthMax { get; set; } = 1_024;
}
