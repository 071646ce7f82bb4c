using System.Diagnostics;
using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Durability;

/// <summary>A fact that needs to look at what a process asks of the system, or to answer in its place: by strace.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class StraceFactAttribute : FactAttribute
{
    public StraceFactAttribute() => Skip = Strace.WhyNot();
}

/// <summary>As <see cref="StraceFactAttribute"/>, with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class StraceTheoryAttribute : TheoryAttribute
{
    public StraceTheoryAttribute() => Skip = Strace.WhyNot();
}

/// <summary>strace, attached to a server that runs: until it is stopped.</summary>
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

    /// <summary>Why it can't be used here; null where it can.</summary>
    public static string? WhyNot()
    {
        if (!OperatingSystem.IsLinux()) return "strace is a thing of Linux";
        if (!Environment.IsPrivilegedProcess) return "needs root to trace a process";
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        return folders.Any(folder => File.Exists(Path.Combine(folder, "strace"))) ? null : "needs the program strace";
    }

    /// <summary>Attaches to all threads of a server.</summary>
    /// <param name="server">The server.</param>
    /// <param name="options">What to trace, and what to inject.</param>
    public static async Task<Strace> AttachAsync(ServerProcess server, params string[] options)
    {
        var strace = new Strace(server.Id, options);
        try
        {
            string? line = await strace._process.StandardError.ReadLineAsync().WaitAsync(Wait.Patience);
            Assert.Contains("attached", line, StringComparison.Ordinal);
            _ = strace._process.StandardError.ReadToEndAsync();

            // It tells of the process; the threads follow.
            await Wait.UntilAsync(
                () => Directory.GetDirectories($"/proc/{server.Id}/task").All(IsTraced), () => "strace does not get hold of every thread");
            return strace;
        }
        catch
        {
            await strace.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets the server go on untraced.</summary>
    /// <returns>What was traced, as lines.</returns>
    public async Task<string[]> StopAsync()
    {
        using (Process kill = Process.Start("kill", ["-s", "INT", _process.Id.ToString(CultureInfo.InvariantCulture)])) await kill.WaitForExitAsync();
        await _process.WaitForExitAsync().WaitAsync(Wait.Patience);
        return await File.ReadAllLinesAsync(_path);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // A process that is traced by one that is killed goes on.
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
