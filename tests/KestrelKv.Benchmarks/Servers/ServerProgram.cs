using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A server's process, which ends with this one.</summary>
internal sealed partial class ServerProgram : IAsyncDisposable
{
    /// <summary>What has sockets of .NET give replies to those who wait on the thread that the system tells of them.</summary>
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

    /// <summary>Processor time it has taken so far, that of the system on its behalf included.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Memory of the machine's that it has now.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
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
        start.Environment.Remove(InlineCompletions); // What is right for this process is for a server to choose.
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
    /// Until it is disposed of, whoever interrupts this process ends the servers: all that waits for them fails, and cleans up
    /// on its way out.
    /// </summary>
    public static IDisposable EndOn(PosixSignal interruption) => PosixSignalRegistration.Create(interruption, signal =>
    {
        signal.Cancel = true;
        lock (Running) Running.ForEach(process => process.Kill());
    });

    /// <summary>Asks it to stop, and waits until it has.</summary>
    /// <param name="exitCode">The one it ends with if all went well.</param>
    public async Task StopAsync(int exitCode = 0)
    {
        _ = Kill(_process.Id, Terminate);
        await _process.WaitForExitAsync().WaitAsync(StopTimeout);
        if (_process.ExitCode != exitCode)
            throw new InvalidOperationException($"{_process.StartInfo.FileName} ended with {_process.ExitCode}:\n{Output}");
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
