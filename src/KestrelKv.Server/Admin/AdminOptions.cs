using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Admin;

/// <summary>The settings of the admin HTTP.</summary>
public sealed class AdminOptions
{
    /// <summary>
    /// The address: <c>localhost</c>, <c>*</c> for all, or an IP address. Default <c>localhost</c>, because the port has no
    /// authentication: every client that can connect can read and write all data.
    /// </summary>
    public string Address { get; set; } = "localhost";

    /// <summary>The TCP port, 0 to 65,535; 0 lets the system choose a port, which is logged. Default 8,080.</summary>
    public int Port { get; set; } = 8_080;

    /// <summary>The settings of TLS. With a certificate, the port serves HTTPS only.</summary>
    public TlsOptions Tls { get; set; } = new();

    /// <summary>The settings of an OpenID provider whose tokens identify HTTP clients.</summary>
    public OidcOptions Oidc { get; set; } = new();

    /// <summary>Whether HTTP clients may send user and secret as HTTP Basic credentials. The default is false.</summary>
    public bool BasicAuthentication { get; set; }

    /// <summary>
    /// The host names that clients may send in <c>Host</c>, separated by <c>;</c>. <c>localhost</c> and IP addresses are always
    /// allowed; <c>*</c> allows all names. Default none. A request with another name fails with 400, <c>host_not_allowed</c>,
    /// because another site can make its name resolve to this machine (DNS rebinding).
    /// </summary>
    public string AllowedHosts { get; set; } = "";

    /// <summary>
    /// The maximum number of open event streams (<c>/v1/watch</c>), 1 to 10,000. Default 100. A request for another stream fails
    /// with 503, <c>too_many_watches</c>. Each stream uses a connection, and memory for the changes it sends. All other requests
    /// share 156 additional connections. A connection beyond the total replaces one without a request; if there is none, it is closed.
    /// </summary>
    public int WatchesMax { get; set; } = 100;
}
