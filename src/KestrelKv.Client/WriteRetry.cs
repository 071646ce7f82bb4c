namespace KestrelKv.Client;

/// <summary>What the client does with a write whose connection broke before the reply arrived.</summary>
public enum WriteRetry
{
    /// <summary>
    /// The write is sent again, and executed exactly once: the server recognizes it by its request id. The default. The server
    /// keeps one idempotency record for each concurrent write of the client.
    /// </summary>
    ExactlyOnce,

    /// <summary>
    /// The write is sent again, and may be executed more than once. For writes that may be repeated, such as those of a cache: a write of another
    /// client in between would be overwritten.
    /// </summary>
    AtLeastOnce,

    /// <summary>The write is not sent again: the call fails with <see cref="OutcomeUnknownException"/>.</summary>
    AtMostOnce,
}
