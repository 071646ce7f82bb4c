namespace KestrelKv.Client;

/// <summary>Options of a watch.</summary>
public readonly record struct WatchOptions
{
    /// <summary>The first version to report; null, the default, for the next commit after the watch is open.</summary>
    public long? FromVersion { get; init; }

    /// <summary>Whether to omit the values of changed entries. The default is false.</summary>
    public bool KeysOnly { get; init; }

    /// <summary>Whether to also report <see cref="WatchEventKind.Progress"/>, about every <see cref="KestrelKvClientOptions.ProgressInterval"/>. The default is false.</summary>
    public bool ReportProgress { get; init; }

    /// <summary>
    /// The interval at which the server reports the progress of a watch without changes, 0.1 seconds to 1 hour; null, the default, for
    /// <see cref="KestrelKvClientOptions.ProgressInterval"/>. Until a broken connection is recognized, it takes three times the interval of the client.
    /// </summary>
    public TimeSpan? ProgressInterval { get; init; }
}
