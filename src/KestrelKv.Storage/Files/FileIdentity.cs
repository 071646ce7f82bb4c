using System.Runtime.InteropServices;

namespace KestrelKv.Storage.Files;

/// <summary>Distinguishes a file or directory from a later one of the same name. Unique while the file is open in any process.</summary>
internal sealed partial record FileIdentity(uint Major, uint Minor, ulong Node)
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint NodeOnly = 0x100; // STATX_INO

    /// <summary>Returns the identity of the file at a path; null if there is none, or if the system does not report it.</summary>
    public static unsafe FileIdentity? Of(string path)
    {
        if (!OperatingSystem.IsLinux()) return null;
        StatX stat;
        try
        {
            return Stat(CurrentDirectory, path, 0, NodeOnly, &stat) == 0 ? new(stat.Major, stat.Minor, stat.Node) : null;
        }
        catch (EntryPointNotFoundException)
        {
            // An old C library without statx.
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Stat(int directory, string path, int flags, uint mask, StatX* stat);

    /// <summary>The used parts of <c>struct statx</c>. The layout is the same on all architectures.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatX
    {
        [FieldOffset(32)]
        public ulong Node;

        [FieldOffset(136)]
        public uint Major;

        [FieldOffset(140)]
        public uint Minor;
    }
}
