namespace KestrelKv.Protocol;

/// <summary>The parameters that few requests have.</summary>
public sealed record RequestOptions
{
    /// <summary>The options of a request that has none.</summary>
    public static RequestOptions None { get; } = new();

    /// <summary>Which part of the value; empty for the whole. It is not checked that it is a JSON Pointer.</summary>
    public ReadOnlyMemory<byte> Path { get; init; }

    /// <summary>Whether there was a path, be it that of the whole value.</summary>
    public bool HasPath { get; init; }

    /// <summary>Whether the reply has version and expiry.</summary>
    public bool Meta { get; init; }

    /// <summary>Whether the reply has the value from before.</summary>
    public bool ReturnsOld { get; init; }

    /// <summary>What is said of the entry's expiry.</summary>
    public Expiry Expiry { get; init; }

    /// <summary>The version that the entry must have; null for any.</summary>
    public long? IfVersion { get; init; }

    /// <summary>Whether there must be an entry, or none; null for either.</summary>
    public bool? IfExists { get; init; }

    /// <summary>What the client calls this write; empty for nothing.</summary>
    public ReadOnlyMemory<byte> RequestId { get; init; }

    /// <summary>Whether <see cref="Request.Value"/> of a PATCH is a JSON Patch, and not a JSON Merge Patch.</summary>
    public bool IsJsonPatch { get; init; }

    /// <summary>The operations of a BATCH, or the GETs of an MGET.</summary>
    public Request[] Operations { get; init; } = [];

    /// <summary>What keys begin with, of SCAN and WATCH.</summary>
    public ReadOnlyMemory<byte> Prefix { get; init; }

    /// <summary>The key behind which a SCAN begins; empty for the first one.</summary>
    public ReadOnlyMemory<byte> After { get; init; }

    /// <summary>The key before which a SCAN ends; empty for the last one.</summary>
    public ReadOnlyMemory<byte> Until { get; init; }

    /// <summary>The most entries that a SCAN lists or counts.</summary>
    public int Limit { get; init; }

    /// <summary>Whether a SCAN begins with the greatest key.</summary>
    public bool Descending { get; init; }

    /// <summary>Whether SCAN and WATCH include values.</summary>
    public bool Values { get; init; }

    /// <summary>Whether a SCAN counts only.</summary>
    public bool CountOnly { get; init; }

    /// <summary>The version that a WATCH begins with; 0 for from now on.</summary>
    public long FromVersion { get; init; }

    /// <summary>The time without changes after which a WATCH sends its position.</summary>
    public TimeSpan BookmarkInterval { get; init; }

    /// <summary>The watch that UNWATCH ends.</summary>
    public long Watch { get; init; }
}

/// <summary>How an expiry is given.</summary>
public enum ExpiryKind
{
    /// <summary>Not at all.</summary>
    NotGiven,

    /// <summary>As none.</summary>
    Never,

    /// <summary>By a time from now.</summary>
    After,

    /// <summary>By an instant.</summary>
    At,
}

/// <summary>An expiry as a request gives it.</summary>
/// <param name="Kind">How it is given.</param>
/// <param name="Milliseconds">The time from now, or the Unix time; 1 or more: an earlier time is as far in the past.</param>
public readonly record struct Expiry(ExpiryKind Kind, long Milliseconds = 0);
