using System.Globalization;
using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>Memory as Linux counts it.</summary>
internal static partial class SystemMemory
{
    /// <summary>What the system could still give, in bytes.</summary>
    public static long Available() => Read("/proc/meminfo", "MemAvailable:");

    /// <summary>What a process has resident, in bytes.</summary>
    public static long Resident(int processId) => Read($"/proc/{processId}/status", "VmRSS:");

    /// <summary>Gives back to the system what this process has freed, so that it does not count for what comes next.</summary>
    public static void GiveBack()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        _ = Trim(0);
    }

    private static long Read(string file, string name)
    {
        string line = File.ReadLines(file).First(line => line.StartsWith(name, StringComparison.Ordinal));
        return 1024 * long.Parse(line.AsSpan(name.Length, line.Length - name.Length - " kB".Length), CultureInfo.InvariantCulture);
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint keep);
}
