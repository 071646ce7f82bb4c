namespace KestrelKv.Storage.Files;

/// <summary>The disk has no space for what was asked of it.</summary>
public sealed class DiskFullException(string message, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>Whether it may help to delete files. Not where too many files are open, or a file may not be longer.</summary>
    internal bool IsForLackOfSpace { get; init; } = true;
}
