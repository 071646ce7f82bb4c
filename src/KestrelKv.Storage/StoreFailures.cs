namespace KestrelKv.Storage;

/// <summary>The base of the exceptions that a call throws if the store has failed. The results of the call must not be shown to anyone.</summary>
public abstract class StoreFailureException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the caller should execute the call once more, at once.</summary>
    public bool MayRepeat { get; protected init; }
}

/// <summary>
/// The exception thrown if the disk fails while a call waits for durability: whether its writes survive a restart is unknown. If executed
/// again, the operations are refused or read durable state.
/// </summary>
public sealed class DurabilityLostException : StoreFailureException
{
    /// <param name="message">The reason.</param>
    public DurabilityLostException(string message)
        : base(message) => MayRepeat = true;
}

/// <summary>The exception thrown if the database of the store did not answer in time, or refused. The call changed nothing.</summary>
public sealed class StoreUnavailableException : StoreFailureException
{
    /// <param name="message">The reason.</param>
    /// <param name="inner">The exception of the database.</param>
    /// <param name="mayRepeat">Whether only the commit of this call was aborted, so that a repetition is likely to succeed.</param>
    public StoreUnavailableException(string message, Exception? inner = null, bool mayRepeat = false)
        : base(message, inner) => MayRepeat = mayRepeat;
}

/// <summary>
/// The exception thrown if the connection to the database of the store was lost during a commit, and the outcome could not be determined in
/// time. The writes of the call may take effect at any later time. A repetition is safe only with a <see cref="RequestId"/>.
/// </summary>
public sealed class OutcomeUnknownException(string message, Exception? inner = null) : StoreFailureException(message, inner);
