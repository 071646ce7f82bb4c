using System.Globalization;
using KestrelKv.Server.Admin;
using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Hosting;

/// <summary>
/// Fits the number of connections to the files that the process may open, as each connection takes one. A process that
/// runs out of files can't accept, log or load code.
/// </summary>
internal static class OpenFiles
{
    /// <summary>Files that the server opens for itself: data, code, event loops, and connections about to be refused.</summary>
    public const int Own = 256;

    /// <summary>Fewer connections on the wire are not worth a start.</summary>
    private const int ConnectionsMin = 16;

    /// <summary>Lowers <c>Wire:ConnectionsMax</c> if the process may not open enough files.</summary>
    /// <returns>Why it was lowered; null if there are enough.</returns>
    /// <exception cref="SettingsException">There are so few that hardly a connection could be served.</exception>
    public static string? Fit(ServerSettings settings, long limit)
    {
        int reserved = AdminConnections.Max(settings.Admin) + Own;
        long needed = settings.Wire.ConnectionsMax + reserved;
        if (limit >= needed) return null;

        string shortage = string.Create(CultureInfo.InvariantCulture,
            $"the process may open {limit} files, expected {needed}: {settings.Wire.ConnectionsMax} for KestrelKv:Wire:ConnectionsMax and {reserved} for the rest; raise the limit (ulimit -n, or LimitNOFILE of systemd) or lower the setting");
        if (limit < reserved + Math.Min(ConnectionsMin, settings.Wire.ConnectionsMax)) throw new SettingsException(shortage);

        settings.Wire.ConnectionsMax = (int)(limit - reserved);
        return shortage;
    }

    /// <summary>
    /// Returns how many files this process may open. The runtime raises the soft limit to the hard one when it starts.
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
