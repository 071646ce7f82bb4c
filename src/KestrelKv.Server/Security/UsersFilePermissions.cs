namespace KestrelKv.Server.Security;

/// <summary>Checks which users of the machine can change the users file.</summary>
internal static partial class UsersFilePermissions
{
    /// <summary>Logs a warning if the file, or the directory in which it can be replaced, is writable by all users of the machine.</summary>
    public static void WarnIfOthersCanWrite(string path, ILogger logger)
    {
        if (OperatingSystem.IsWindows()) return;
        foreach (string place in (string[])[path, Path.GetDirectoryName(path)!])
        {
            UnixFileMode mode = File.GetUnixFileMode(place);

            // In a directory with the sticky bit, such as /tmp, only the owner of a file can replace it.
            if (mode.HasFlag(UnixFileMode.OtherWrite) && !mode.HasFlag(UnixFileMode.StickyBit)) OthersCanWrite(logger, place);
        }
    }

    [LoggerMessage(310, LogLevel.Warning, "Every user of this machine can write {Path}, and so add users of the server; expected chmod o-w")]
    private static partial void OthersCanWrite(ILogger logger, string path);
}
