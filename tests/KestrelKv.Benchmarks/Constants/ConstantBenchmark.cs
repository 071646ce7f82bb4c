using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Benchmarks.Constants;

/// <summary>
/// A server that only reads frames from Kestrel's sockets, in their fastest configuration, and answers each with a constant value. It is
/// the upper bound for any server on these sockets, and the load generator must be faster.
/// </summary>
internal static class ConstantBenchmark
{
    private const int Backlog = 4_096;

    public static async Task RunAsync(ConstantOptions options)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(new ConstantReplies(options.ValueBytes));
        builder.WebHost.UseSockets(sockets =>
        {
            sockets.UnsafePreferInlineScheduling = true;
            sockets.WaitForDataBeforeAllocatingBuffer = false;
            sockets.Backlog = Backlog;
        });
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, options.Port, endpoint => endpoint.UseConnectionHandler<ConstantHandler>()));
        await builder.Build().RunAsync();
    }
}
