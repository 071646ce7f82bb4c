using KestrelKv.Server.Hosting;

namespace KestrelKv.Server.Admin;

/// <summary>
/// Refuses requests whose <c>Host</c> is not an allowed name. Another site can make its name resolve to this machine; the
/// browser then lets its pages read and write all data (DNS rebinding). IP addresses are safe because they are not resolved.
/// </summary>
internal sealed class AllowedHosts(AdminOptions options)
{
    private const string All = "*";

    private readonly string[] _names = Names(options.AllowedHosts);

    /// <summary>Returns the names in the value of <see cref="AdminOptions.AllowedHosts"/>.</summary>
    public static string[] Names(string setting) =>
        setting.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Whether <paramref name="name"/> is valid in the setting: <c>*</c>, or a host without a port.</summary>
    public static bool IsName(string name) => name == All || Uri.CheckHostName(name) != UriHostNameType.Unknown;

    public Task CheckAsync(HttpContext http, RequestDelegate next) =>
        Allows(http.Request.Host.Host) ? next(http) : Problems.HostNotAllowed(http.Request.Host.Host).ExecuteAsync(http);

    /// <param name="host">The host without its port. Empty for HTTP/1.0 requests, which no browser sends.</param>
    public bool Allows(string host) =>
        host.Length == 0 || host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || ListenAddress.TryParseIP(host, out _) ||
        Array.Exists(_names, name => name == All || name.Equals(host, StringComparison.OrdinalIgnoreCase));
}
