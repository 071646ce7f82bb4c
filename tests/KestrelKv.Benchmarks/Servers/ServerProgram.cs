using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A server's process, which ends with this one.</summary>
internal sealed partial class ServerProgram : IAsyncDisposable
{
    private const int Terminate = 15;

    /// <summary>A stop may write all data to disk.</summary>
    private static readonly TimeSpan StopTimeout = TimeSpan.FromMinutes(10);

    private static readonly List<Process> Running = [];

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private ServerProgram(Process process) => _process = process;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Processor time it has taken so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>What it has printed so far.</summary>
    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <param name="cores">Those it may run on, as <c>taskset</c> wants it; null for those of this process.</param>
    /// <param name="program">A name on the path, or a path.</param>
    /// <param name="args">Its arguments.</param>
    /// <exception cref="Win32Exception">There is no such program.</exception>
    public static ServerProgram Start(string? cores, string program, IEnumerable<string> args)
    {
        ProcessStartInfo start = cores is null
            ? new ProcessStartInfo(program, args)
            : new ProcessStartInfo("taskset", ["-c", cores, program, .. args]);
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

    /// <summary>Ends all that are running. What waits for them fails.</summary>
    public static void KillAll()
    {
        lock (Running) Running.ForEach(process => process.Kill());
    }

    /// <summary>Asks it to stop, and waits until it has.</summary>
    public async Task StopAsync()
    {
        _ = Kill(_process.Id, Terminate);
        await _process.WaitForExitAsync().WaitAsync(StopTimeout);
        if (_process.ExitCode != 0) throw new InvalidOperationException($"{_process.StartInfo.FileName} ended with {_process.ExitCode}:\n{Output}");
    }

    /// <summary>Kills it, where it still runs.</summary>
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
