using System.Net;

namespace KestrelKv.Server.Hosting;

/// <summary>An address of the wire port; its type is what sets the port apart from those of HTTP.</summary>
internal sealed class WireEndPoint(IPAddress address, int port) : IPEndPoint(address, port);
