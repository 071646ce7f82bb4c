namespace KestrelKv.Client;

/// <summary>What the client does with a write whose connection broke before the reply arrived.</summary>
public enum WriteRetry
{
    /// <summary>
    /// The write is sent again, and executed exactly once: the server recognizes it by its request id. The default. It costs the server a
    /// record of each write's outcome.
    /// </summary>
    ExactlyOnce,

    /// <summary>
    /// The write is sent again, and may be executed twice. For writes that may be repeated, such as those of a cache: a write of another
    /// client in between would be overwritten.
    /// </summary>
    AtLeastOnce,

    /// <summary>The write is not sent again: the call fails with <see cref="OutcomeUnknownException"/>.</summary>
    AtMostOnce,
}
