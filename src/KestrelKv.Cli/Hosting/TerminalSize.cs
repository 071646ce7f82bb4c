using System.Globalization;
using System.Runtime.InteropServices;

namespace KestrelKv.Cli.Hosting;

/// <summary>The size of the terminal on standard output.</summary>
/// <remarks>
/// The size of <c>Console</c> initializes it: it sends a control sequence that switches the keypad, and leaves it on at the end.
/// </remarks>
internal static class TerminalSize
{
    private const int StandardOutput = 1;
    private const int ColumnsDefault = 80;

    /// <summary>Returns the number of columns, 20 or more: that of the terminal, otherwise <c>COLUMNS</c>, otherwise 80.</summary>
    public static int Columns() => Math.Max(20, OperatingSystem.IsWindows() ? Console.WindowWidth : OfTerminal() ?? OfVariable() ?? ColumnsDefault);

    private static int? OfVariable() =>
        int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), CultureInfo.InvariantCulture, out int columns) && columns > 0 ? columns : null;

    private static int? OfTerminal()
    {
        var size = default(WinSize);
        nuint request = OperatingSystem.IsMacOS() ? 0x40087468u : 0x5413u; // TIOCGWINSZ of <sys/ioctl.h>.
        int result = OperatingSystem.IsMacOS() && RuntimeInformation.ProcessArchitecture == Architecture.Arm64
            ? IoctlOfAppleArm(StandardOutput, request, 0, 0, 0, 0, 0, 0, ref size) : Ioctl(StandardOutput, request, ref size);
        return result == 0 && size.Columns > 0 ? size.Columns : null;
    }

    [DllImport("libc", EntryPoint = "ioctl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Ioctl(int handle, nuint request, ref WinSize size);

    /// <summary>On Apple's ARM processors, variadic arguments are on the stack: the six arguments before it fill the registers.</summary>
    [DllImport("libc", EntryPoint = "ioctl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int IoctlOfAppleArm(
        int handle, nuint request, nint x2, nint x3, nint x4, nint x5, nint x6, nint x7, ref WinSize size);

    private struct WinSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort Width;
        public ushort Height;
    }
}
