using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace KestrelKv.Server.Hosting;

/// <summary>Where the wire port and the admin HTTP really listen, once the server has started.</summary>
internal sealed class BoundAddresses
{
    private readonly List<ListenOptions> _wire = [];
    private readonly List<ListenOptions> _admin = [];

    public IEnumerable<IPEndPoint> Wire => _wire.Select(o => o.IPEndPoint!);

    public IEnumerable<IPEndPoint> Admin => _admin.Select(o => o.IPEndPoint!);

    public void AddWire(ListenOptions options) => _wire.Add(options);

    public void AddAdmin(ListenOptions options) => _admin.Add(options);
}
