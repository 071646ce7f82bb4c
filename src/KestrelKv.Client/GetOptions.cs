namespace KestrelKv.Client;

/// <summary>Options of a read.</summary>
public readonly record struct GetOptions
{
    /// <summary>The part of the value to read, as a JSON Pointer (RFC 6901) such as <c>/items/0</c>. Null, the default, for the whole value.</summary>
    public string? Path { get; init; }

    /// <summary>
    /// Extends the expiry of an entry that has one: it then expires at the earliest after this time. The default, null, leaves it. Greater
    /// than zero. It makes no commit and no change in the feed, so a read with it costs as much as one without.
    /// </summary>
    public TimeSpan? Touch { get; init; }

    /// <summary>Whether the reply may contain a value that is not synced to disk yet. The default is false.</summary>
    public bool AllowUnsynced { get; init; }

    /// <summary>The deadline of the call; null, the default, for <see cref="KestrelKvClientOptions.Timeout"/>.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Whether the call fails at once if its connection is broken. Null, the default, for <see cref="KestrelKvClientOptions.FailFast"/>.</summary>
    public bool? FailFast { get; init; }
}
