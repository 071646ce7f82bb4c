using System.Runtime.InteropServices;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Shell;

/// <summary>
/// Ends the shell at SIGTERM and SIGHUP. Their default action would leave the terminal without echo. A normal exit of the process restores it.
/// </summary>
internal sealed class ShellEnd : IDisposable
{
    private const int SignalBase = 128; // The exit code of a process that a signal ends is 128 + the signal, as in shells.

    private readonly Terminal _terminal;
    private readonly PosixSignalRegistration[] _registrations;
    private volatile bool _isCommandRunning;
    private volatile int _code;

    public ShellEnd(Terminal terminal)
    {
        _terminal = terminal;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, SignalBase + 15)),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => End(context, SignalBase + 1)),
        ];
    }

    /// <summary>The exit code of the shell after a signal; null if there was none.</summary>
    public int? ExitCode => _code == 0 ? null : _code;

    /// <summary>Marks that a command runs, until disposal of the result. SIGTERM cancels the command, and the shell ends after it.</summary>
    public IDisposable BeginCommand()
    {
        _isCommandRunning = true;
        return new CommandEnd(this);
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration each in _registrations) each.Dispose();
    }

    private void End(PosixSignalContext context, int code)
    {
        context.Cancel = true;
        _code = code;
        if (_isCommandRunning && context.Signal == PosixSignal.SIGTERM) return;
        try
        {
            _terminal.Show(KeyReader.PasteOff);
        }
        catch (IOException)
        {
            // The terminal is gone.
        }
        Environment.Exit(code);
    }

    private sealed class CommandEnd(ShellEnd shell) : IDisposable
    {
        public void Dispose() => shell._isCommandRunning = false;
    }
}
