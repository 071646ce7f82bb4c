using System.Globalization;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>Counts the flushes of the disk that holds a directory: the effect of a sync.</summary>
internal static class DiskFlushes
{
    /// <summary>
    /// The field of /sys/dev/block/*/stat with the completed flush requests, counted from 0 (Documentation/block/stat.rst).
    /// </summary>
    private const int FlushField = 15;

    /// <summary>Returns the number of flushes since the system started; null if the system does not report it.</summary>
    public static long? Count(string directory)
    {
        string path = $"/sys/dev/block/{Device(directory)}/stat";
        if (!File.Exists(path)) return null;
        string[] fields = File.ReadAllText(path).Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return fields.Length > FlushField ? long.Parse(fields[FlushField], CultureInfo.InvariantCulture) : null;
    }

    /// <summary>Returns the device number, such as 254:0, of the mount that holds the directory.</summary>
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
