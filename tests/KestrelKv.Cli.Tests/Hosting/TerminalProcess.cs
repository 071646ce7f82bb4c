using System.Diagnostics;
using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Hosting;

/// <summary>The program on a pseudo-terminal, which a test types into.</summary>
internal sealed class TerminalProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly Task _reading;
    private int _seen; // The part of the output that was waited for.

    public TerminalProcess(Kkv kkv, params string[] args) : this(kkv.StartInTerminal(args))
    {
    }

    /// <summary>Takes over a process on a pseudo-terminal.</summary>
    public TerminalProcess(Process process)
    {
        _process = process;
        _reading = ReadAsync();
    }

    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <summary>Types text.</summary>
    public async Task TypeAsync(string text)
    {
        await _process.StandardInput.WriteAsync(text);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Types text, and waits until the terminal shows another one behind what was waited for before.</summary>
    public async Task TypeAsync(string text, string expected)
    {
        await TypeAsync(text);
        await WaitAsync(expected);
    }

    public async Task WaitAsync(string expected)
    {
        await Wait.UntilAsync(() => Output.IndexOf(expected, _seen, StringComparison.Ordinal) >= 0, () => $"no {expected} in {Output[_seen..]}");
        _seen = Output.IndexOf(expected, _seen, StringComparison.Ordinal) + expected.Length;
    }

    /// <summary>Waits for the end, and returns the exit code.</summary>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Wait.Patience);
        await _reading;
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _reading;
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        char[] buffer = new char[4_096];
        for (int count; (count = await _process.StandardOutput.ReadAsync(buffer)) > 0;)
        {
            lock (_output) _output.Append(buffer, 0, count);
        }
    }
}
