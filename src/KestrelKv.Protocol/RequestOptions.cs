namespace KestrelKv.Protocol;

/// <summary>The less common parameters of a request.</summary>
public sealed record RequestOptions
{
    /// <summary>The options of a request without such parameters.</summary>
    public static RequestOptions None { get; } = new();

    /// <summary>The options of a request with <c>meta</c> only.</summary>
    internal static RequestOptions OnlyMeta { get; } = new() { Meta = true };

    /// <summary>The part of the value; empty for the whole value. Not validated as a JSON Pointer.</summary>
    public ReadOnlyMemory<byte> Path { get; init; }

    /// <summary>Whether a path is given, even that of the whole value.</summary>
    public bool HasPath { get; init; }

    /// <summary>Whether the reply has version and expiry.</summary>
    public bool Meta { get; init; }

    /// <summary>Whether the reply has the old value.</summary>
    public bool ReturnsOld { get; init; }

    /// <summary>The expiry of the entry.</summary>
    public Expiry Expiry { get; init; }

    /// <summary>The time from now to which a read extends the expiry of its entry, in milliseconds; 0 for a plain read.</summary>
    public long Touch { get; init; }

    /// <summary>The required version of the entry; null for any.</summary>
    public long? IfVersion { get; init; }

    /// <summary>Whether the key must exist; null for either.</summary>
    public bool? IfExists { get; init; }

    /// <summary>The request id, unless the request has it without options. Read <see cref="Request.RequestId"/>.</summary>
    internal ReadOnlyMemory<byte> RequestId { get; init; }

    /// <summary>The sequence of <see cref="RequestId"/>; 0 for none.</summary>
    internal long RequestSequence { get; init; }

    /// <summary>Whether <see cref="Request.Value"/> of a PATCH is a JSON Patch; otherwise it is a JSON Merge Patch.</summary>
    public bool IsJsonPatch { get; init; }

    /// <summary>The operations of a BATCH, or the GETs of an MGET.</summary>
    public Request[] Operations { get; init; } = [];

    /// <summary>The prefix of keys, of SCAN and WATCH.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>The exclusive start of a SCAN; empty for the first key.</summary>
    public ReadOnlyMemory<byte> After { get; init; }

    /// <summary>The exclusive end of a SCAN; empty for no end.</summary>
    public ReadOnlyMemory<byte> Until { get; init; }

    /// <summary>The delimiter that groups the keys of a SCAN; empty for no groups.</summary>
    public ReadOnlyMemory<byte> Delimiter { get; init; }

    /// <summary>The maximum number of entries that a SCAN lists or counts.</summary>
    public int Limit { get; init; }

    /// <summary>Whether a SCAN begins with the greatest key.</summary>
    public bool Descending { get; init; }

    /// <summary>Whether SCAN and WATCH include values.</summary>
    public bool Values { get; init; }

    /// <summary>Whether a SCAN returns only the number of entries.</summary>
    public bool CountOnly { get; init; }

    /// <summary>The first version of a WATCH; 0 for the next commit.</summary>
    public long FromVersion { get; init; }

    /// <summary>The name of the user, of AUTH.</summary>
    public ReadOnlyMemory<byte> User { get; init; }

    /// <summary>The secret of the user, of AUTH.</summary>
    public ReadOnlyMemory<byte> Secret { get; init; }

    /// <summary>Whether the client may see only the server's name and version, of INFO.</summary>
    public bool IsBrief { get; init; }

    /// <summary>The time without changes until a WATCH sends a bookmark.</summary>
    public TimeSpan BookmarkInterval { get; init; }

    /// <summary>The number of the watch that UNWATCH ends.</summary>
    public long Watch { get; init; }
}

/// <summary>The forms of an expiry.</summary>
public enum ExpiryKind
{
    /// <summary>No expiry is given.</summary>
    NotGiven,

    /// <summary><c>null</c>: the entry does not expire.</summary>
    Never,

    /// <summary>A time from now.</summary>
    After,

    /// <summary>A Unix time.</summary>
    At,
}

/// <summary>The expiry in a request.</summary>
/// <param name="Kind">The form of the expiry.</param>
/// <param name="Milliseconds">The time from now, or the Unix time, at least 1. Earlier times are stored as 1, which is also past.</param>
public readonly record struct Expiry(ExpiryKind Kind, long Milliseconds = 0);
