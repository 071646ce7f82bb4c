using System.Runtime.InteropServices;

namespace KestrelKv.Server.Security;

/// <summary>What .NET cannot do with files on Linux. Other systems have defaults.</summary>
internal static partial class UnixFile
{
    private const int CurrentDirectory = -100;
    private const uint TypeOwnerAndGroup = 0x19;

    // struct statx has the same layout on all architectures (statx(2)).
    private const int StatxBytes = 256;
    private const int OwnerOffset = 20;
    private const int GroupOffset = 24;
    private const int ModeOffset = 28;

    private const int TypeMask = 0xF000;
    private const int RegularFile = 0x8000;

    /// <summary>Whether a path, after its links are followed, is a regular file. True if it does not exist or is not accessible.</summary>
    public static bool IsRegular(string path) =>
        Status(path) is not { } status || (BitConverter.ToUInt16(status, ModeOffset) & TypeMask) == RegularFile;

    /// <summary>Gives a file the owner and group of another one, if that exists.</summary>
    /// <exception cref="IOException">The process may not give the file away.</exception>
    public static void CopyOwner(string from, string to)
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(from)) return;
        if (Status(from) is not { } status ||
            Chown(to, BitConverter.ToUInt32(status, OwnerOffset), BitConverter.ToUInt32(status, GroupOffset)) != 0)
        {
            throw new IOException(
                $"the owner of {from} could not be kept ({Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}), expected its owner or root");
        }
    }

    /// <summary>Returns the status of a file; null if it is not available.</summary>
    private static byte[]? Status(string path)
    {
        byte[] status = new byte[StatxBytes];
        return OperatingSystem.IsLinux() && Statx(CurrentDirectory, path, 0, TypeOwnerAndGroup, status) == 0 ? status : null;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, byte[] status);

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Chown(string path, uint owner, uint group);
}
