using System.Net;
using KestrelKv.Server.Security;
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
        builder.Services.AddSingleton<RequestTracing>();
        builder.Services.AddSingleton<WireConnectionHandler>();
        builder.Services.AddSingleton<IConnectionListenerFactory, WireTransport>();
        if (settings.Wire.Tls.IsOn)
        {
            builder.Services.AddSingleton(services => ActivatorUtilities.CreateInstance<WireTls>(
                services, services.GetServices<ServerCertificate>().OfWire()!, settings.Wire.Tls));
        }
        builder.Services.AddHostedService<MemoryReturn>();

        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            BoundAddresses addresses = kestrel.ApplicationServices.GetRequiredService<BoundAddresses>();
            if (settings.Wire.Plaintext) Listen(settings.Wire.Port, isTls: false);
            if (settings.Wire.Tls.IsOn) Listen(settings.Wire.TlsPort, isTls: true);

            void Listen(int port, bool isTls)
            {
                foreach (IPAddress address in ListenAddress.Parse(settings.Wire.Address))
                {
                    var endpoint = new WireEndPoint(address, port, isTls);
                    kestrel.Listen(endpoint, listen =>
                    {
                        if (isTls) listen.Use(listen.ApplicationServices.GetRequiredService<WireTls>().Encrypt);
                        listen.UseConnectionHandler<WireConnectionHandler>();
                        endpoint.Serve = ((IConnectionBuilder)listen).Build();
                        addresses.AddWire(listen, isTls);
                    });
                }
            }
        });
    }
}
