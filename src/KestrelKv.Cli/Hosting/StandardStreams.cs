using System.Text;
using Microsoft.Win32.SafeHandles;

namespace KestrelKv.Cli.Hosting;

/// <summary>Opens the standard output and error of the process.</summary>
/// <remarks>
/// The streams of <c>Console</c> have two faults. Their first write switches a terminal to application mode with control sequences, although
/// the program only prints. And they ignore that the reader of a pipe is gone, so that <c>kkv watch | head -1</c> would never end. The stream
/// of a file handle has neither.
/// </remarks>
internal static class StandardStreams
{
    /// <summary>Opens the standard output, without a buffer.</summary>
    public static Stream OpenOutput() => new ReportedStream(TryOpen(1) ?? Console.OpenStandardOutput(), isError: false);

    /// <summary>Opens the standard error, in UTF-8. Each write is visible at once.</summary>
    public static TextWriter OpenError()
    {
        var stream = new ReportedStream(TryOpen(2) ?? Console.OpenStandardError(), isError: true);
        return TextWriter.Synchronized(new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true });
    }

    /// <summary>
    /// Returns the stream of a terminal or a pipe. Returns null for a file: its stream would write at a position of its own, over the output of other
    /// programs.
    /// </summary>
    private static FileStream? TryOpen(int handle)
    {
        if (OperatingSystem.IsWindows()) return null;
        try
        {
            var stream = new FileStream(new SafeFileHandle(handle, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            return stream.CanSeek ? null : stream;
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            return null; // The handle is closed or read-only. The stream of Console reports it.
        }
    }
}
