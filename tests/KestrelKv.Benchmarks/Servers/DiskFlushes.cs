using System.Globalization;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>Counts the flushes of the disk that a directory is on: what a sync comes to.</summary>
internal static class DiskFlushes
{
    /// <summary>Fields of /sys/dev/block/*/stat, from 0 on (Documentation/block/stat.rst): flush requests that have completed.</summary>
    private const int FlushField = 15;

    /// <summary>How many there were since the system started; null where the system does not tell.</summary>
    public static long? Count(string directory)
    {
        string path = $"/sys/dev/block/{Device(directory)}/stat";
        if (!File.Exists(path)) return null;
        string[] fields = File.ReadAllText(path).Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return fields.Length > FlushField ? long.Parse(fields[FlushField], CultureInfo.InvariantCulture) : null;
    }

    /// <summary>The numbers of the device, as 254:0, of the mount that has the directory.</summary>
    private static string? Device(string directory)
    {
        const string mounts = "/proc/self/mountinfo";
        if (!File.Exists(mounts)) return null;

        // id, parent, device, root, mount point, ...
        return File.ReadLines(mounts).Select(line => line.Split(' '))
            .Where(f => f[4] == "/" || directory.StartsWith($"{f[4]}/", StringComparison.Ordinal))
            .MaxBy(f => f[4].Length)?[2];
    }
}
