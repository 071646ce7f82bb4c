namespace KestrelKv.Client;

/// <summary>The result of an increment.</summary>
/// <typeparam name="T">The type of the sum.</typeparam>
public readonly record struct IncrementResult<T>
{
    /// <summary>Whether the increment took effect, or why it did not.</summary>
    public WriteStatus Status { get; init; }

    /// <summary>Whether the increment took effect.</summary>
    public bool Applied => Status == WriteStatus.Applied;

    /// <summary>The sum; the default of <typeparamref name="T"/> if the increment was not applied.</summary>
    public T Value { get; init; }

    /// <summary>Whether the key existed before the increment.</summary>
    public bool Existed { get; init; }

    /// <summary>The version of the entry after the increment. If the precondition failed, the current version.</summary>
    public long Version { get; init; }

    /// <summary>The time at which the entry expires, to the millisecond; null for never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}
