using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Hosting;

/// <summary>Puts together what both doors share.</summary>
internal static class HostSetup
{
    /// <exception cref="SettingsException">The configuration opens ports in another way than by the settings.</exception>
    public static WebApplicationBuilder CreateBuilder(CommandLine line)
    {
        // Settings lie beside the program, wherever it is started from. They are not watched for changes: a watch takes an
        // inotify instance, of which a user has few, and no setting can change while the server runs.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = [.. line.Settings, "--hostBuilder:reloadConfigOnChange=false"],
            ContentRootPath = AppContext.BaseDirectory,
        });

        // Kestrel would open these besides the admin HTTP, without its bounds.
        if (builder.Configuration.GetSection("Kestrel").Exists())
            throw new SettingsException("the section Kestrel is not supported, expected KestrelKv:Admin:Address and KestrelKv:Admin:Port in its place");
        return builder;
    }

    /// <summary>The clock, the limits, the addresses, and how the process stops.</summary>
    public static void AddHosting(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings.Limits);
        builder.Services.AddSingleton<BoundAddresses>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.StopTimeout);
    }
}
