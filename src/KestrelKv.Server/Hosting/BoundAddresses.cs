using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace KestrelKv.Server.Hosting;

/// <summary>The addresses and ports that the wire and the admin HTTP are bound to, after the start.</summary>
internal sealed class BoundAddresses
{
    private readonly List<ListenOptions> _wire = [];
    private readonly List<ListenOptions> _admin = [];

    public IEnumerable<IPEndPoint> Wire => _wire.Select(o => o.IPEndPoint!);

    public IEnumerable<IPEndPoint> Admin => _admin.Select(o => o.IPEndPoint!);

    public void AddWire(ListenOptions options) => _wire.Add(options);

    public void AddAdmin(ListenOptions options) => _admin.Add(options);
}
