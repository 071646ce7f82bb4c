using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Hosting;

/// <summary>Composes the parts that the wire and HTTP share.</summary>
internal static class HostSetup
{
    /// <exception cref="SettingsException">The configuration contains the section Kestrel, which would open additional ports.</exception>
    public static WebApplicationBuilder CreateBuilder(CommandLine line)
    {
        // appsettings.json is next to the program. It is not watched for changes: a watch takes one of the user's few inotify
        // instances, and no setting can change while the server runs.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = [.. line.Settings, "--hostBuilder:reloadConfigOnChange=false"],
            ContentRootPath = AppContext.BaseDirectory,
        });

        // Kestrel would open these ports without the limits of the admin HTTP.
        if (builder.Configuration.GetSection("Kestrel").Exists())
        {
            throw new SettingsException(
                "the section Kestrel is not supported, expected KestrelKv:Admin:Address and KestrelKv:Admin:Port instead");
        }
        return builder;
    }

    /// <summary>Registers the clock, the limits, the bound addresses and the stop timeout.</summary>
    public static void AddHosting(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings.Limits);
        builder.Services.AddSingleton<BoundAddresses>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.StopTimeout);
    }
}
