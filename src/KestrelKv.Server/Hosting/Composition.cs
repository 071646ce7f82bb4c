using System.Net;
using KestrelKv.Server.Settings;
using KestrelKv.Storage;
using KestrelKv.Wire;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Server.Hosting;

/// <summary>Puts together what serves the wire port.</summary>
internal static class Composition
{
    public static void AddStore(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings.Limits);
        builder.Services.AddSingleton<IKeyValueStore, ManagedStore>();
    }

    public static void AddWire(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton(settings.Wire);
        builder.Services.AddSingleton<WireConnections>();
        builder.Services.AddSingleton<WireMetrics>();
        builder.Services.AddSingleton<WireConnectionHandler>();
        builder.Services.AddSingleton<IConnectionListenerFactory, WireTransport>();
        builder.Services.AddHostedService<MemoryReturn>();

        var addresses = new BoundAddresses();
        builder.Services.AddSingleton(addresses);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.StopTimeout);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            foreach (IPAddress address in ListenAddress.Parse(settings.Wire.Address))
            {
                kestrel.Listen(new WireEndPoint(address, settings.Wire.Port), listen =>
                {
                    listen.UseConnectionHandler<WireConnectionHandler>();
                    addresses.AddWire(listen);
                });
            }
        });
    }
}
