namespace KestrelKv.Storage.Postgres;

/// <summary>
/// The exception thrown if the database cannot hold the store: its tables have another version, its settings could lose acknowledged
/// writes, its version is too old, or no host accepts writes.
/// </summary>
public sealed class UnsuitableDatabaseException(string message, Exception? inner = null) : Exception(message, inner);
