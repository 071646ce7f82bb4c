using System.Globalization;
using System.Runtime.InteropServices;

namespace KestrelKv.Benchmarks.Stores;

internal static partial class SystemMemory
{
    /// <summary>Returns the available memory in bytes.</summary>
    public static long Available() => Read("/proc/meminfo", "MemAvailable:");

    /// <summary>Returns the resident memory of a process in bytes.</summary>
    public static long Resident(int processId) => Read($"/proc/{processId}/status", "VmRSS:");

    /// <summary>Returns freed memory of this process to the system, so that it does not count in the next measurement.</summary>
    public static void Release()
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
