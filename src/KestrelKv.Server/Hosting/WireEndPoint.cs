using System.Net;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Server.Hosting;

/// <summary>An address of the wire port; its type is what sets the port apart from those of HTTP.</summary>
internal sealed class WireEndPoint(IPAddress address, int port) : IPEndPoint(address, port)
{
    /// <summary>Serves a connection; what Kestrel's configuration of the endpoint built.</summary>
    public ConnectionDelegate? Serve { get; set; }
}
