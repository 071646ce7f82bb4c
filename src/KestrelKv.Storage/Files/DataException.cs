namespace KestrelKv.Storage.Files;

/// <summary>
/// The data directory, or a file in it, cannot be used. The message is for the operator of the server. It names the file, the offset if
/// there is one, the reason and the remedy.
/// </summary>
public sealed class DataException(string message, Exception? inner = null) : Exception(message, inner);
