namespace KestrelKv.Client;

/// <summary>Options of a scan.</summary>
public readonly record struct ScanOptions
{
    /// <summary>The key after which the scan begins, in its direction, exclusive. Null, the default, for the first key.</summary>
    public string? After { get; init; }

    /// <summary>The key before which the scan ends, in its direction, exclusive. Null, the default, for the last key.</summary>
    public string? Until { get; init; }

    /// <summary>Whether the keys are listed in descending order. The default is false.</summary>
    public bool Descending { get; init; }

    /// <summary>The maximum number of entries; null, the default, for all.</summary>
    public int? Limit { get; init; }

    /// <summary>The number of entries that the client reads with one request: 1 to 1,000. Null, the default, for 100 with values and 1,000 without.</summary>
    public int? PageSize { get; init; }

    /// <summary>The deadline of each request; null, the default, for <see cref="KestrelKvClientOptions.Timeout"/>.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Whether a request fails at once if its connection is broken. Null, the default, for <see cref="KestrelKvClientOptions.FailFast"/>.</summary>
    public bool? FailFast { get; init; }
}
