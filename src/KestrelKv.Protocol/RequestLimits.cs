namespace KestrelKv.Protocol;

/// <summary>The limits of a request, over the wire or HTTP.</summary>
public sealed class RequestLimits
{
    /// <summary>The minimum of <see cref="FrameBytesMax"/> - <see cref="KeyBytesMax"/>: room for the text around a key.</summary>
    public const int FrameBytesAboveKeyMin = 1_024;

    /// <summary>The minimum of <see cref="ReadBytesMax"/>: 1 MiB.</summary>
    public const int ReadBytesMaxMin = 1024 * 1024;

    /// <summary>The maximum length of a request id, in bytes of UTF-8.</summary>
    public const int RequestIdBytesMax = 128;

    /// <summary>The maximum of <c>request_seq</c>: 2^53, which a JSON number represents exactly in every language.</summary>
    public const long RequestSequenceMax = 1L << 53;

    /// <summary>The maximum number of entries of a page.</summary>
    public const int PageEntriesMax = 1_000;

    /// <summary>The default for the maximum number of entries of a page.</summary>
    public const int PageEntriesDefault = 100;

    /// <summary>The maximum length of the delimiter of a listing, in bytes of UTF-8.</summary>
    public const int DelimiterBytesMax = 16;

    /// <summary>The minimum time without changes until a bookmark, in seconds.</summary>
    public const decimal BookmarkSecondsMin = 0.1m;

    /// <summary>The maximum time without changes until a bookmark, in seconds.</summary>
    public const decimal BookmarkSecondsMax = 3_600;

    /// <summary>The default time without changes until a bookmark, in seconds.</summary>
    public const decimal BookmarkSecondsDefault = 10;

    /// <summary>
    /// The maximum length of a request frame's body, or of a value sent over HTTP, in bytes. <see cref="KeyBytesMax"/> + 1,024 to
    /// 1,073,741,824. Default 16,777,216 (16 MiB). The server holds at most one such body per connection.
    /// </summary>
    public int FrameBytesMax { get; set; } = 16 * 1024 * 1024;

    /// <summary>The maximum length of a key, in bytes of UTF-8 after unescaping. 1 to 65,536. Default 4,096.</summary>
    public int KeyBytesMax { get; set; } = 4_096;

    /// <summary>
    /// The maximum total length of the values that one MGET or batch reads, in bytes. Returned old values count, and so do whole values
    /// of which only a part is read. 1,048,576 to 1,073,741,824. Default 67,108,864 (64 MiB). This bounds the length of a reply.
    /// </summary>
    public int ReadBytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>The maximum nesting of a value, in levels: <c>[[1]]</c> has 2. 512 to 100,000. Default 1,024.</summary>
    public int JsonDepthMax { get; set; } = 1_024;
}
