using System.Text;
using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Cli.Hosting;

/// <summary>Opens the standard output and error of the process.</summary>
/// <remarks>
/// <c>Console.Out</c> and <c>Console.Error</c> are not used: they switch a terminal to application mode with control sequences, although the
/// program only prints.
/// </remarks>
internal static class StandardStreams
{
    /// <summary>Opens the standard output, without a buffer.</summary>
    /// <remarks>
    /// The stream of <c>Console</c> ignores that the reader of a pipe is gone, so that <c>kkv watch | head -1</c> would never end. The stream of
    /// a file handle reports it. That stream writes at its own position, so it must not be used for a file that several programs append to.
    /// </remarks>
    public static Stream OpenOutput()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected) return Console.OpenStandardOutput();
        try
        {
            var pipe = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            return pipe.CanSeek ? Console.OpenStandardOutput() : pipe;
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            return Console.OpenStandardOutput(); // The output is closed or read-only. Its first write fails.
        }
    }

    /// <summary>Opens the standard error, in UTF-8. Each write is visible at once.</summary>
    public static TextWriter OpenError() =>
        TextWriter.Synchronized(new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true });
}
