using System.Runtime.InteropServices;
using System.Text;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Top;

/// <summary>
/// Draws lines in place on the alternate screen of the terminal. Disposal restores the terminal. So do Ctrl-Z and Ctrl-\, which stop and end the
/// process; when it continues, it draws again. Thread-safe: signals arrive on other threads.
/// </summary>
internal sealed class LiveScreen : IDisposable
{
    private const string Enter = "\e[?1049h\e[?25l";
    private const string Leave = "\e[?25h\e[?1049l";

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly Terminal _terminal;
    private readonly Lock _lock = new();
    private readonly PosixSignalRegistration _quitSignal;
    private readonly PosixSignalRegistration? _continueSignal;
    private readonly PosixSignalRegistration? _stopSignal;
    private string _last = "";
    private bool _isShown;
    private bool _isDisposed;

    public LiveScreen(Terminal terminal)
    {
        _terminal = terminal;
        Show();
        _quitSignal = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, _ => Hide());
        if (OperatingSystem.IsWindows()) return;
        _stopSignal = PosixSignalRegistration.Create(PosixSignal.SIGTSTP, Suspend);
        _continueSignal = PosixSignalRegistration.Create(PosixSignal.SIGCONT, _ => Show());
    }

    /// <summary>Draws lines.</summary>
    /// <param name="draw">Returns the lines for a number of columns and rows.</param>
    public void Draw(Func<int, int, IEnumerable<string>> draw)
    {
        var text = new StringBuilder("\e[H");
        foreach (string line in draw(Console.WindowWidth, Console.WindowHeight)) text.Append(line).Append("\e[K\r\n");
        lock (_lock)
        {
            _last = text.Append("\e[J").ToString();
            if (_isShown) _terminal.Show(_last);
        }
    }

    /// <summary>Waits for a time, and draws again when the size of the terminal changes.</summary>
    /// <returns>Whether to continue: false if the user pressed q.</returns>
    /// <exception cref="OperationCanceledException">The user pressed Ctrl-C.</exception>
    public async Task<bool> WaitAsync(TimeSpan time, Func<int, int, IEnumerable<string>> draw, CancellationToken stop)
    {
        (int, int) size = (Console.WindowWidth, Console.WindowHeight);
        for (long end = Environment.TickCount64 + (long)time.TotalMilliseconds; Environment.TickCount64 < end;)
        {
            if (IsQuitPressed()) return false;
            await Task.Delay(PollInterval, stop);
            if (size == (Console.WindowWidth, Console.WindowHeight)) continue;
            size = (Console.WindowWidth, Console.WindowHeight);
            Draw(draw);
        }
        return true;
    }

    public void Dispose()
    {
        lock (_lock) _isDisposed = true;
        _quitSignal.Dispose();
        _continueSignal?.Dispose();
        _stopSignal?.Dispose();
        Hide();
    }

    private void Suspend(PosixSignalContext context)
    {
        context.Cancel = true;
        Hide();
        TerminalStop.Execute();
        Show();
    }

    private void Show()
    {
        lock (_lock)
        {
            if (_isDisposed) return;
            _terminal.Show(Enter + _last);
            _isShown = true;
        }
    }

    private void Hide()
    {
        lock (_lock)
        {
            if (_isShown) _terminal.Show(Leave);
            _isShown = false;
        }
    }

    private bool IsQuitPressed()
    {
        while (_terminal.IsInputTerminal && Console.KeyAvailable)
        {
            if (Console.ReadKey(intercept: true).KeyChar is 'q' or 'Q') return true;
        }
        return false;
    }
}
