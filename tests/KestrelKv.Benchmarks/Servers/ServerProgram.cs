using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A server's process. It ends with this process.</summary>
internal sealed partial class ServerProgram : IAsyncDisposable
{
    /// <summary>The setting with which .NET runs socket continuations on the thread that polls the socket.</summary>
    public const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    private const int Terminate = 15;

    /// <summary>A stop may write all data to disk.</summary>
    private static readonly TimeSpan StopTimeout = TimeSpan.FromMinutes(10);

    private static readonly List<Process> Running = [];

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private ServerProgram(Process process) => _process = process;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>The processor time used so far, in user and kernel mode.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <param name="cores">The cores that it may use, in the syntax of <c>taskset</c>; null for those of this process.</param>
    /// <param name="program">A name on the path, or a path.</param>
    /// <param name="args">The arguments.</param>
    /// <exception cref="Win32Exception">The program does not exist.</exception>
    public static ServerProgram Start(string? cores, string program, IEnumerable<string> args)
    {
        ProcessStartInfo start = cores is null
            ? new ProcessStartInfo(program, args)
            : new ProcessStartInfo("taskset", ["-c", cores, program, .. args]);
        start.Environment.Remove(InlineCompletions); // Servers choose this setting themselves.
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        var server = new ServerProgram(new Process { StartInfo = start });
        server._process.OutputDataReceived += (_, line) => server.Take(line.Data);
        server._process.ErrorDataReceived += (_, line) => server.Take(line.Data);
        lock (Running)
        {
            server._process.Start();
            Running.Add(server._process);
        }
        server._process.BeginOutputReadLine();
        server._process.BeginErrorReadLine();
        return server;
    }

    /// <summary>
    /// Kills the servers when this process receives a signal, until the result is disposed of. All waits for the servers then fail, and
    /// clean up.
    /// </summary>
    public static IDisposable EndOn(PosixSignal interruption) => PosixSignalRegistration.Create(interruption, signal =>
    {
        signal.Cancel = true;
        lock (Running) Running.ForEach(process => process.Kill());
    });

    /// <summary>Sends SIGTERM and waits until the process has exited with the expected code.</summary>
    public async Task StopAsync(int exitCode = 0)
    {
        _ = Kill(_process.Id, Terminate);
        await _process.WaitForExitAsync().WaitAsync(StopTimeout);
        if (_process.ExitCode != exitCode)
            throw new InvalidOperationException(
                $"{_process.StartInfo.FileName} exited with code {_process.ExitCode} instead of {exitCode}. Its output:\n{Output}");
    }

    public async ValueTask DisposeAsync()
    {
        lock (Running) Running.Remove(_process);
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_output) _output.AppendLine(line);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
