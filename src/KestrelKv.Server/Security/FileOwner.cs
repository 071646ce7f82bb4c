using System.Runtime.InteropServices;

namespace KestrelKv.Server.Security;

/// <summary>Copies the owner and group of a file, which .NET cannot set. Only on Linux.</summary>
internal static partial class FileOwner
{
    private const int CurrentDirectory = -100;
    private const uint OwnerAndGroup = 0x18;

    // struct statx has the same layout on all architectures (statx(2)).
    private const int StatxBytes = 256;
    private const int OwnerOffset = 20;
    private const int GroupOffset = 24;

    /// <summary>Gives a file the owner and group of another one, if that exists.</summary>
    /// <exception cref="IOException">The process may not give the file away.</exception>
    public static void Copy(string from, string to)
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(from)) return;
        byte[] status = new byte[StatxBytes];
        if (Statx(CurrentDirectory, from, 0, OwnerAndGroup, status) != 0 ||
            Chown(to, BitConverter.ToUInt32(status, OwnerOffset), BitConverter.ToUInt32(status, GroupOffset)) != 0)
        {
            throw new IOException(
                $"the owner of {from} could not be kept ({Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}), expected its owner or root");
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, byte[] status);

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Chown(string path, uint owner, uint group);
}
