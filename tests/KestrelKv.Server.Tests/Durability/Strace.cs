using System.Diagnostics;
using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>A fact that traces the system calls of a process, or injects their results, with strace.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class StraceFactAttribute : FactAttribute
{
    public StraceFactAttribute() => Skip = Strace.WhyNot();
}

[AttributeUsage(AttributeTargets.Method)]
public sealed class StraceTheoryAttribute : TheoryAttribute
{
    public StraceTheoryAttribute() => Skip = Strace.WhyNot();
}

/// <summary>strace, attached to a running server until it is stopped.</summary>
internal sealed class Strace : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _path = Path.GetTempFileName();

    private Strace(int processId, string[] options)
    {
        var start = new ProcessStartInfo("strace") { RedirectStandardError = true };
        string id = processId.ToString(CultureInfo.InvariantCulture);
        foreach (string argument in (string[])["-f", "-y", "-o", _path, "-p", id, .. options]) start.ArgumentList.Add(argument);
        _process = Process.Start(start)!;
    }

    /// <summary>Returns why strace cannot be used here; null if it can.</summary>
    public static string? WhyNot()
    {
        if (!OperatingSystem.IsLinux()) return "requires Linux for strace";
        if (!Environment.IsPrivilegedProcess) return "requires root to trace a process";
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        return folders.Any(folder => File.Exists(Path.Combine(folder, "strace"))) ? null : "requires the program strace";
    }

    /// <summary>Attaches to all threads of a server.</summary>
    public static async Task<Strace> AttachAsync(ServerProcess server, params string[] options)
    {
        var strace = new Strace(server.Id, options);
        try
        {
            string? line = await strace._process.StandardError.ReadLineAsync().WaitAsync(Wait.Patience);
            Assert.Contains("attached", line, StringComparison.Ordinal);
            _ = strace._process.StandardError.ReadToEndAsync();

            // The line is about the process. strace attaches to its threads afterwards.
            await Wait.UntilAsync(
                () => Directory.GetDirectories($"/proc/{server.Id}/task").All(IsTraced), () => "strace did not attach to every thread");
            return strace;
        }
        catch
        {
            await strace.DisposeAsync();
            throw;
        }
    }

    /// <summary>Detaches from the server, and returns the lines of the trace.</summary>
    public async Task<string[]> StopAsync()
    {
        using (Process kill = Process.Start("kill", ["-s", "INT", _process.Id.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync();
        await _process.WaitForExitAsync().WaitAsync(Wait.Patience);
        return await File.ReadAllLinesAsync(_path);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // A traced process continues if its tracer is killed.
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        File.Delete(_path);
    }

    private static bool IsTraced(string task)
    {
        try
        {
            return !File.ReadLines(Path.Combine(task, "status")).Contains("TracerPid:\t0");
        }
        catch (IOException)
        {
            // The thread has ended.
            return true;
        }
    }
}
