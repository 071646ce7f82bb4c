namespace KestrelKv.Storage.Embedded;

/// <summary>What an operation or batch lacks to be executed; nothing by default. It is then to be tried again.</summary>
/// <param name="MemoryBytes">So much memory is to be made free for it.</param>
/// <param name="LogBytes">The log is to be made ready for a commit of so many bytes.</param>
internal readonly record struct Shortage(long MemoryBytes, long LogBytes);
