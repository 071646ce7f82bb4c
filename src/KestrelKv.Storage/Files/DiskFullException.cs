namespace KestrelKv.Storage.Files;

/// <summary>The disk has no space for an operation. This class defines which errors count as such, and all their messages.</summary>
public sealed class DiskFullException(string message, Exception? inner = null) : IOException(message, inner)
{
    private const int FileTooLarge = 27;
    private const int TooManyFilesOfSystem = 23;
    private const int TooManyFilesOfProcess = 24;

    /// <summary>Whether deleting files may help. False if too many files are open, or if the size of files is limited.</summary>
    internal bool IsOutOfSpace { get; init; } = true;

    /// <summary>
    /// Whether a system error is a lack of space: ENOSPC, EDQUOT, EFBIG; on Windows ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL. ENFILE and
    /// EMFILE count too: a lack of file descriptors, caused by many connections, is also temporary and does not mean that the disk
    /// failed.
    /// </summary>
    internal static bool Is(IOException e) => e is not DiskFullException && (OperatingSystem.IsWindows()
        ? Code(e) is 112 or 39
        : Code(e) is 28 or 122 or FileTooLarge or TooManyFilesOfSystem or TooManyFilesOfProcess);

    internal static DiskFullException Of(IOException e) => new(e.Message, e)
    {
        IsOutOfSpace = OperatingSystem.IsWindows() || Code(e) is not (FileTooLarge or TooManyFilesOfSystem or TooManyFilesOfProcess),
    };

    /// <summary>Returns the exception for a file that would exceed a limit on the size of files.</summary>
    internal static DiskFullException OfFileSize(string path, Exception e) =>
        new($"{path} cannot grow: its file system or the process (ulimit -f) limits the size of files", e) { IsOutOfSpace = false };

    /// <summary>Returns the exception for a log segment that does not fit into the free space.</summary>
    internal static DiskFullException OfSegment(long bytes, long available) =>
        new($"the next log segment needs {bytes} bytes, but only {available} bytes are available");

    /// <summary>Returns the exception for commits that already have their versions and have waited for space for too long.</summary>
    internal static DiskFullException OfStall(TimeSpan time, string? reason) =>
        new($"committed writes found no space for {time.TotalSeconds} seconds: {reason}");

    private static int Code(IOException e) => e.HResult & 0xFFFF;
}
