using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Hosting;

/// <summary>Puts together what both doors share.</summary>
internal static class HostSetup
{
    /// <summary>The clock, the limits, the addresses, and how the process stops.</summary>
    public static void AddHosting(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings.Limits);
        builder.Services.AddSingleton<BoundAddresses>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.StopTimeout);
    }
}
