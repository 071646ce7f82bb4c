using System.Globalization;
using KestrelKv.Server.Admin;
using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Limits the number of connections by the number of files that the process may open. Each connection takes one. A process that
/// runs out of files cannot accept connections, log or load code.
/// </summary>
internal static class OpenFiles
{
    /// <summary>
    /// The number of files that the server reserves for itself: data, code, event loops, and connections that it refuses.
    /// </summary>
    public const int Own = 256;

    /// <summary>The minimum number of wire connections. With fewer, the server does not start.</summary>
    private const int ConnectionsMin = 16;

    /// <summary>Lowers <c>Wire:ConnectionsMax</c> if the process may not open enough files.</summary>
    /// <returns>The reason for the lower number; null if the process may open enough files.</returns>
    /// <exception cref="SettingsException">The process may open too few files to serve connections.</exception>
    public static string? Fit(ServerSettings settings, long limit)
    {
        int reserved = AdminConnections.Max(settings.Admin) + Own;
        long needed = settings.Wire.ConnectionsMax + reserved;
        if (limit >= needed) return null;

        string shortage = string.Create(CultureInfo.InvariantCulture,
            $"the process may open {limit} files, expected {needed}: {settings.Wire.ConnectionsMax} for KestrelKv:Wire:ConnectionsMax " +
            $"and {reserved} for HTTP and the server itself; raise the limit (ulimit -n, or LimitNOFILE of systemd) or lower the setting");
        if (limit < reserved + Math.Min(ConnectionsMin, settings.Wire.ConnectionsMax)) throw new SettingsException(shortage);

        settings.Wire.ConnectionsMax = (int)(limit - reserved);
        return shortage;
    }

    /// <summary>
    /// Returns the number of files that this process may open. The runtime raises the soft limit to the hard limit at its start.
    /// </summary>
    public static long ReadLimit()
    {
        const string Name = "Max open files";
        if (!OperatingSystem.IsLinux()) return long.MaxValue;

        string line = File.ReadLines("/proc/self/limits").First(line => line.StartsWith(Name, StringComparison.Ordinal));
        string soft = line[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return soft == "unlimited" ? long.MaxValue : long.Parse(soft, CultureInfo.InvariantCulture);
    }
}
