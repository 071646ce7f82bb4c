using KestrelKv.Server.Hosting;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Refuses requests whose <c>Host</c> names another site. A page can have its own name resolve to this machine, and the
/// browser then lets it read and write everything here (DNS rebinding). An IP address can't be made to resolve elsewhere.
/// </summary>
internal sealed class AllowedHosts(AdminOptions options)
{
    private const string All = "*";

    private readonly string[] _names = Names(options.AllowedHosts);

    /// <summary>Returns the names in a value of <see cref="AdminOptions.AllowedHosts"/>.</summary>
    public static string[] Names(string setting) => setting.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Whether <paramref name="name"/> can be a name in the setting: <c>*</c>, or a host without a port.</summary>
    public static bool IsName(string name) => name == All || Uri.CheckHostName(name) != UriHostNameType.Unknown;

    public Task CheckAsync(HttpContext http, RequestDelegate next) =>
        Allows(http.Request.Host.Host) ? next(http) : Problems.HostNotAllowed(http.Request.Host.Host).ExecuteAsync(http);

    /// <param name="host">The host without its port. HTTP/1.0 has none, and no browser speaks it.</param>
    public bool Allows(string host) =>
        host.Length == 0 || host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || ListenAddress.TryParseIP(host, out _) ||
        Array.Exists(_names, name => name == All || name.Equals(host, StringComparison.OrdinalIgnoreCase));
}
