using System.Diagnostics;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Keys;

/// <summary>The editor of the user.</summary>
internal static class Editor
{
    /// <summary>
    /// Edits a file with <c>VISUAL</c>, <c>EDITOR</c> or vi, and waits until the editor exits. These variables may contain arguments.
    /// </summary>
    /// <exception cref="CommandFailure">The editor failed.</exception>
    /// <exception cref="OperationCanceledException">Ctrl-C ended the editor.</exception>
    public static async Task RunAsync(string path, Terminal terminal, Interruption interruption)
    {
        string command = terminal.Environment("VISUAL") ?? terminal.Environment("EDITOR") ?? (OperatingSystem.IsWindows() ? "notepad" : "vi");
        ProcessStartInfo start = OperatingSystem.IsWindows()
            ? new("cmd.exe", $"/c {command} \"{path}\"")
            : new("/bin/sh", ["-c", $"{command} \"$@\"", "sh", path]);
        using Process process = Process.Start(start)!;
        await interruption.IgnoreDuringAsync(() => process.WaitForExitAsync(CancellationToken.None));
        if (process.ExitCode == ExitCode.Interrupted) interruption.Stop();
        if (process.ExitCode != 0)
            throw CommandFailure.Failed("editor", $"The editor ({command}) exited with {process.ExitCode}; nothing was changed");
    }

    /// <summary>Asks whether to edit the text again. Without a terminal, the answer is no.</summary>
    public static async Task<bool> AsksAgainAsync(Terminal terminal, CancellationToken stop)
    {
        if (!terminal.IsInputTerminal) return false;
        terminal.Error.Write("Edit it again? [Y/n] ");
        var buffer = new byte[256];
        int length = await terminal.Input.ReadAsync(buffer, stop).AsTask().WaitAsync(stop);
        return length > 0 && buffer[0] is (byte)'\n' or (byte)'\r' or (byte)'y' or (byte)'Y';
    }
}
