using System.Net;
using KestrelKv.Wire;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Server.Hosting;

/// <summary>An address of the wire port. Its type distinguishes it from the addresses of HTTP.</summary>
internal sealed class WireEndPoint(IPAddress address, int port, bool isTls) : IPEndPoint(address, port)
{
    /// <summary>The name of the setting with the port.</summary>
    public string Setting { get; } = isTls ? nameof(WireOptions.TlsPort) : nameof(WireOptions.Port);

    /// <summary>The delegate that serves a connection, built from Kestrel's configuration of the endpoint.</summary>
    public ConnectionDelegate? Serve { get; set; }
}
