namespace KestrelKv.Storage.Files;

/// <summary>
/// The data directory, or a file in it, is not fit to be used. The message is for the person who runs the server: it names
/// the file, the offset where there is one, the reason, and what to do.
/// </summary>
public sealed class DataException(string message, Exception? inner = null) : Exception(message, inner);
