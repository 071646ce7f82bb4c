using System.Text;
using KestrelKv.Cli.Hosting;

namespace KestrelKv.Cli.Top;

/// <summary>Draws lines in place on the alternate screen of the terminal. Disposal restores the terminal.</summary>
internal sealed class LiveScreen : IDisposable
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly Terminal _terminal;

    public LiveScreen(Terminal terminal)
    {
        _terminal = terminal;
        _terminal.Show("\e[?1049h\e[?25l");
    }

    /// <summary>Draws lines.</summary>
    /// <param name="draw">Returns the lines for a number of columns and rows.</param>
    public void Draw(Func<int, int, IEnumerable<string>> draw)
    {
        var text = new StringBuilder("\e[H");
        foreach (string line in draw(Console.WindowWidth, Console.WindowHeight)) text.Append(line).Append("\e[K\r\n");
        _terminal.Show(text.Append("\e[J").ToString());
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

    public void Dispose() => _terminal.Show("\e[?25h\e[?1049l");

    private bool IsQuitPressed()
    {
        while (_terminal.IsInputTerminal && Console.KeyAvailable)
        {
            if (Console.ReadKey(intercept: true).KeyChar is 'q' or 'Q') return true;
        }
        return false;
    }
}
