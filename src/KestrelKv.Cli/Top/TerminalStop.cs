using System.Runtime.InteropServices;

namespace KestrelKv.Cli.Top;

/// <summary>
/// Stops the process as Ctrl-Z does by default. The runtime does not do so after the handlers of SIGTSTP. SIGSTOP would also stop a process that no
/// shell can continue, such as one of <c>docker exec</c>.
/// </summary>
internal static class TerminalStop
{
    private const int ActionBytesMax = 256; // The struct sigaction has 152 bytes on Linux, and 16 on macOS.

    private static int Signal => OperatingSystem.IsLinux() ? 20 : 18; // SIGTSTP.

    /// <summary>Stops the process. Returns when it continues.</summary>
    public static void Execute()
    {
        byte[] action = new byte[ActionBytesMax], byDefault = new byte[ActionBytesMax]; // Zeros are SIG_DFL.
        if (SetAction(Signal, byDefault, action) != 0) return;
        _ = Raise(Signal);
        _ = SetAction(Signal, action, null);
    }

    [DllImport("libc", EntryPoint = "sigaction")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetAction(int signal, byte[] action, byte[]? last);

    [DllImport("libc", EntryPoint = "raise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Raise(int signal);
}
