using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Storage.Files;

/// <summary>Linux system calls without an equivalent in the base class library.</summary>
internal static partial class Libc
{
    private const int ReadOnly = 0;
    private const int ReadWrite = 2;
    private const int Create = 0x40;
    private const int CloseOnExec = 0x80000;
    private const int OwnerOnly = 0x180; // 0600
    private const int LockExclusive = 2;
    private const int LockNonBlocking = 4;
    private const int ErrorInterrupted = 4;
    private const int ErrorWouldBlock = 11;
    private const int PriorityOfThread = 0; // PRIO_PROCESS, of the thread that calls
    private const int LowPriorityNice = 10;
    private const int DontNeed = 4;
    private const int FileSizeExceeded = 25; // SIGXFSZ, on all architectures of .NET
    private const int Ignore = 1; // SIG_IGN

    /// <summary>Makes the contents of a file durable, and of its metadata only what is needed to read them.</summary>
    public static void SyncData(SafeFileHandle file, string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            RandomAccess.FlushToDisk(file);
            return;
        }

        // Some file systems can be interrupted while they wait. This does not mean that the sync failed.
        while (FDataSync(file) != 0)
            if (Marshal.GetLastPInvokeError() != ErrorInterrupted) throw Failure("fdatasync", path);
    }

    /// <summary>Opens a directory for <see cref="SyncDirectory(SafeFileHandle, string)"/>.</summary>
    /// <returns>Null if the system cannot open directories. It then determines whether a rename is durable.</returns>
    /// <exception cref="IOException">The directory cannot be opened.</exception>
    public static SafeFileHandle? OpenDirectory(string path)
    {
        if (!OperatingSystem.IsLinux()) return null;
        SafeFileHandle directory = Open(path, ReadOnly | CloseOnExec, 0);
        return directory.IsInvalid ? throw Failure("open", path) : directory;
    }

    /// <summary>Makes the entries of a directory durable.</summary>
    /// <exception cref="IOException">The disk has failed.</exception>
    public static void SyncDirectory(SafeFileHandle? directory, string path)
    {
        if (directory is null) return;
        while (FSync(directory) != 0)
            if (Marshal.GetLastPInvokeError() != ErrorInterrupted) throw Failure("fsync", path);
    }

    /// <inheritdoc cref="SyncDirectory(SafeFileHandle, string)"/>
    public static void SyncDirectory(string path)
    {
        using SafeFileHandle? directory = OpenDirectory(path);
        SyncDirectory(directory, path);
    }

    /// <summary>
    /// Drops the clean pages of a file from the page cache; see posix_fadvise(2). The system may ignore the request. (The reason:
    /// Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020.)
    /// </summary>
    public static void DropPageCache(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux()) _ = FAdvise(file, 0, 0, DontNeed);
    }

    /// <summary>
    /// Lowers the priority of this thread permanently. If all cores are busy, it gets about a tenth of the time of other threads
    /// (sched(7): nice 10).
    /// </summary>
    public static void LowerPriority()
    {
        // A failure is harmless: the thread keeps its priority.
        if (OperatingSystem.IsLinux()) _ = SetPriority(PriorityOfThread, 0, LowPriorityNice);
    }

    /// <summary>Opens a file and locks it exclusively. Creates it if it does not exist.</summary>
    /// <returns>The file, and whether it is locked. If not, another process holds the lock.</returns>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static (SafeFileHandle File, bool IsLocked) OpenLocked(string path)
    {
        SafeFileHandle file = Open(path, ReadWrite | Create | CloseOnExec, OwnerOnly);
        if (file.IsInvalid) throw Failure("open", path);
        if (FLock(file, LockExclusive | LockNonBlocking) == 0) return (file, true);
        if (Marshal.GetLastPInvokeError() == ErrorWouldBlock) return (file, false);
        using (file) throw Failure("flock", path);
    }

    /// <summary>Opens a file for reading, regardless of locks. Returns null if that fails.</summary>
    public static SafeFileHandle? OpenUnlocked(string path)
    {
        SafeFileHandle file = Open(path, ReadOnly | CloseOnExec, 0);
        if (!file.IsInvalid) return file;
        file.Dispose();
        return null;
    }

    /// <summary>Locks an open directory exclusively.</summary>
    /// <returns>False if another process holds the lock. True if directories cannot be locked, as on some network file systems.</returns>
    public static bool TryLock(SafeFileHandle? directory) =>
        directory is null || FLock(directory, LockExclusive | LockNonBlocking) == 0 || Marshal.GetLastPInvokeError() != ErrorWouldBlock;

    /// <summary>
    /// Makes a write beyond the limit of file sizes (<c>ulimit -f</c>) fail with EFBIG. By default the signal SIGXFSZ ends the process.
    /// </summary>
    public static void IgnoreFileSizeSignal()
    {
        if (OperatingSystem.IsLinux()) _ = Signal(FileSizeExceeded, Ignore);
    }

    private static IOException Failure(string call, string path)
    {
        int error = Marshal.GetLastPInvokeError();
        return new IOException($"{call} of {path}: {new Win32Exception(error).Message}", error);
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FDataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int FAdvise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int FLock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int nice);
}
