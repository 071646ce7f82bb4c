using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;
using KestrelKv.Testing;

namespace KestrelKv.Extensions.Tests.Locks;

/// <summary>A process with locks, which executes the commands of a test.</summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    private static readonly string Dll = Repository.PathTo(
        "tests", "KestrelKv.Extensions.Tests.Worker", "bin", Repository.Configuration, "net10.0", "KestrelKv.Extensions.Tests.Worker.dll");

    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();

    /// <summary>Starts a process.</summary>
    /// <param name="server">The server of the locks.</param>
    /// <param name="expirySeconds">The expiry of its locks.</param>
    public WorkerProcess(ServerProcess server, double expirySeconds)
    {
        var start = new ProcessStartInfo("dotnet", [Dll, $"{server.WirePort}", expirySeconds.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null) _lines.Writer.TryComplete();
            else _lines.Writer.TryWrite(line.Data);
        };
        _process.BeginOutputReadLine();
    }

    public async Task SendAsync(string command)
    {
        await _process.StandardInput.WriteLineAsync(command);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Returns the next line that begins with a word, without the word. Others before it are skipped.</summary>
    public async Task<string> ReadAsync(params string[] words)
    {
        using var timeout = new CancellationTokenSource(Wait.Patience);
        while (true)
        {
            string line = await _lines.Reader.ReadAsync(timeout.Token);
            if (words.FirstOrDefault(word => line == word || line.StartsWith($"{word} ", StringComparison.Ordinal)) is { } found)
                return line[found.Length..].Trim();
        }
    }

    /// <summary>Returns the token in the next line that begins with a word.</summary>
    public async Task<long> ReadTokenAsync(string word) => long.Parse(await ReadAsync(word), CultureInfo.InvariantCulture);

    /// <summary>Returns all lines up to one.</summary>
    public async Task<List<string>> ReadToAsync(string last)
    {
        using var timeout = new CancellationTokenSource(Wait.Patience);
        List<string> lines = [];
        while (await _lines.Reader.ReadAsync(timeout.Token) is var line && line != last) lines.Add(line);
        return lines;
    }

    public void Pause() => SendSignal("STOP");

    public void Continue() => SendSignal("CONT");

    public void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void SendSignal(string name)
    {
        using var kill = Process.Start("kill", ["-s", name, $"{_process.Id}"]);
        kill.WaitForExit();
    }
}
