using System.Net;
using KestrelKv.Server.Admin;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace KestrelKv.Server.Hosting;

/// <summary>The addresses and ports that the wire and the admin HTTP are bound to, after the start.</summary>
internal sealed class BoundAddresses(AdminOptions admin)
{
    private readonly List<ListenOptions> _wire = [];
    private readonly List<ListenOptions> _wireTls = [];
    private readonly List<ListenOptions> _admin = [];

    /// <summary>The addresses of the wire without TLS.</summary>
    public IEnumerable<IPEndPoint> Wire => _wire.Select(o => o.IPEndPoint!);

    /// <summary>The addresses of the wire over TLS.</summary>
    public IEnumerable<IPEndPoint> WireTls => _wireTls.Select(o => o.IPEndPoint!);

    /// <summary>The scheme of the admin HTTP: http or https.</summary>
    public string AdminScheme => admin.Tls.IsOn ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;

    public IEnumerable<IPEndPoint> Admin => _admin.Select(o => o.IPEndPoint!);

    public void AddWire(ListenOptions options, bool isTls) => (isTls ? _wireTls : _wire).Add(options);

    public void AddAdmin(ListenOptions options) => _admin.Add(options);
}
