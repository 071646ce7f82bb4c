using System.Net;
using KestrelKv.Server.Settings;
using KestrelKv.Wire;
using Microsoft.AspNetCore.Connections;

namespace KestrelKv.Server.Hosting;

/// <summary>Composes the wire port.</summary>
internal static class WireSetup
{
    public static void AddWire(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton(settings.Wire);
        builder.Services.AddSingleton<WireConnections>();
        builder.Services.AddSingleton<WireMetrics>();
        builder.Services.AddSingleton<WireConnectionHandler>();
        builder.Services.AddSingleton<IConnectionListenerFactory, WireTransport>();
        builder.Services.AddHostedService<MemoryReturn>();

        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            BoundAddresses addresses = kestrel.ApplicationServices.GetRequiredService<BoundAddresses>();
            foreach (IPAddress address in ListenAddress.Parse(settings.Wire.Address))
            {
                var endpoint = new WireEndPoint(address, settings.Wire.Port);
                kestrel.Listen(endpoint, listen =>
                {
                    listen.UseConnectionHandler<WireConnectionHandler>();
                    endpoint.Serve = ((IConnectionBuilder)listen).Build();
                    addresses.AddWire(listen);
                });
            }
        });
    }
}
