namespace KestrelKv.Storage.Postgres;

/// <summary>
/// The exception thrown if the database did not answer within the time of a request. The call changed nothing and may be repeated.
/// </summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The exception thrown if the connection was lost during a commit, and the outcome could not be determined in time. The writes of the
/// call may take effect at any later time. A repetition is safe only with a <see cref="RequestId"/>.
/// </summary>
public sealed class OutcomeUnknownException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The exception thrown if the database cannot hold the store: its tables have another version, its settings could lose acknowledged
/// writes, its version is too old, or no host accepts writes.
/// </summary>
public sealed class UnsuitableDatabaseException(string message, Exception? inner = null) : Exception(message, inner);
