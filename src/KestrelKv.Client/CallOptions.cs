namespace KestrelKv.Client;

/// <summary>Options that every call has.</summary>
public readonly record struct CallOptions
{
    /// <summary>The deadline of the call; null, the default, for <see cref="KestrelKvClientOptions.Timeout"/>.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Whether the call fails at once if its connection is broken. Null, the default, for <see cref="KestrelKvClientOptions.FailFast"/>.</summary>
    public bool? FailFast { get; init; }
}
