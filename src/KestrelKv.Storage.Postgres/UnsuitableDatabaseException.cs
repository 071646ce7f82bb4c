namespace KestrelKv.Storage.Postgres;

/// <summary>
/// The exception thrown if the database cannot hold the store: its schema has a version that this program does not know, or it is a
/// standby.
/// </summary>
public sealed class UnsuitableDatabaseException(string message, Exception? inner = null) : Exception(message, inner);
