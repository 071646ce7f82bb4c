using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>One core for the server and another for the load, so that they do not compete.</summary>
/// <param name="Server">The cores of a server under load, in the syntax of <c>taskset</c>; null if nothing is pinned.</param>
/// <param name="All">All cores.</param>
internal sealed record Pinning(string? Server, string? All)
{
    private const string ServerCore = "0";
    private const string LoadCore = "1";

    /// <summary>Pins all threads of this process to its core. Without two cores or <c>taskset</c>, nothing is pinned.</summary>
    public static Pinning Apply(bool wanted)
    {
        int cores = Environment.ProcessorCount;
        return wanted && cores >= 2 && TryPin(Environment.ProcessId, LoadCore)
            ? new Pinning(ServerCore, $"0-{(cores - 1).ToString(CultureInfo.InvariantCulture)}")
            : new Pinning(null, null);
    }

    public override string ToString() => Server is null ? "not pinned" : $"server on core {ServerCore}, load on core {LoadCore}";

    private static bool TryPin(int process, string cores)
    {
        try
        {
            using Process taskset = Process.Start(new ProcessStartInfo(
                "taskset", ["-a", "-c", "-p", cores, process.ToString(CultureInfo.InvariantCulture)])
            { RedirectStandardOutput = true })!;
            taskset.StandardOutput.ReadToEnd();
            taskset.WaitForExit();
            return taskset.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false; // taskset is not installed.
        }
    }
}
