namespace KestrelKv.Storage.Durability;

/// <summary>The disk has no space for what was asked of it.</summary>
public sealed class DiskFullException(string message, Exception? inner = null) : IOException(message, inner);
