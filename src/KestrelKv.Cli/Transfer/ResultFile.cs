using System.Runtime.InteropServices;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Transfer;

/// <summary>The file that a transfer creates: it is written under another name, and replaces an earlier one at the end.</summary>
internal static partial class ResultFile
{
    private const int CurrentDirectory = -100;
    private const uint TypeOnly = 1;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xF000;
    private const int RegularType = 0x8000;

    /// <summary>Returns the path of the file itself, if the given one is a symbolic link.</summary>
    /// <exception cref="CommandFailure">The path is that of a directory, a device or a pipe, which must not be replaced.</exception>
    public static string Resolve(string path)
    {
        string target = new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;
        if (Directory.Exists(target)) throw CommandFailure.Usage($"{path} is a directory, expected the name of a file");
        if (File.Exists(target) && !IsRegular(target))
            throw CommandFailure.Usage($"{path} is a device or a pipe, expected the name of a regular file, or none for standard output");
        return target;
    }

    /// <summary>Returns whether a file is a regular one, by statx(2). Other systems than Linux are not asked.</summary>
    private static bool IsRegular(string path)
    {
        if (!OperatingSystem.IsLinux()) return true;
        byte[] status = new byte[256];
        return GetStatus(CurrentDirectory, path, 0, TypeOnly, status) != 0
            || (BitConverter.ToUInt16(status, ModeOffset) & TypeMask) == RegularType;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int GetStatus(int directory, string path, int flags, uint mask, byte[] status);
}
