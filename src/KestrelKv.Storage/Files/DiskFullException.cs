namespace KestrelKv.Storage.Files;

/// <summary>The disk has no space for what was asked of it. The rule for that, and all messages, are here.</summary>
public sealed class DiskFullException(string message, Exception? inner = null) : IOException(message, inner)
{
    private const int FileTooLarge = 27;
    private const int TooManyFilesOfSystem = 23;
    private const int TooManyFilesOfProcess = 24;

    /// <summary>Whether it may help to delete files: no, if too many files are open, or if a file may not be longer.</summary>
    internal bool IsForLackOfSpace { get; init; } = true;

    /// <summary>
    /// Whether an error of the system is one: ENOSPC, EDQUOT, EFBIG; on Windows ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL. ENFILE and
    /// EMFILE, too: a lack of files, because of many connections, passes as well, and says nothing about the disk.
    /// </summary>
    internal static bool Is(IOException e) => e is not DiskFullException && (OperatingSystem.IsWindows()
        ? Code(e) is 112 or 39
        : Code(e) is 28 or 122 or FileTooLarge or TooManyFilesOfSystem or TooManyFilesOfProcess);

    internal static DiskFullException Of(IOException e) => new(e.Message, e)
    {
        IsForLackOfSpace = OperatingSystem.IsWindows() || Code(e) is not (FileTooLarge or TooManyFilesOfSystem or TooManyFilesOfProcess),
    };

    /// <summary>A file would exceed a limit on the size of files.</summary>
    internal static DiskFullException OfFileSize(string path, Exception e) =>
        new($"{path} can't be longer: its file system, or the process (ulimit -f), has a limit", e) { IsForLackOfSpace = false };

    /// <summary>A segment of the log does not fit into the space that is free.</summary>
    internal static DiskFullException OfSegment(long bytes, long available) =>
        new($"the next segment of the log needs {bytes} bytes, and {available} are available");

    /// <summary>Commits that have their versions have waited for space for too long.</summary>
    internal static DiskFullException OfStall(TimeSpan time, string? reason) =>
        new($"writes under way found no space for {time.TotalSeconds} seconds: {reason}");

    private static int Code(IOException e) => e.HResult & 0xFFFF;
}
