using System.Reflection;
using KestrelKv.Wire;
using KestrelKv.Wire.Security;
using Microsoft.Extensions.Hosting.Systemd;

namespace KestrelKv.Server.Hosting;

/// <summary>Logs the start, with the bound addresses, and the stop. Notifies systemd of both if systemd requests it.</summary>
internal static partial class Announcement
{
    /// <summary>The version of the program with its source revision, such as 0.1.0+79bf2c6, if the build knew the revision.</summary>
    public static string FullVersion { get; } =
        typeof(Announcement).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>The version of the program, such as 0.1.0, without its source revision.</summary>
    public static string ServerVersion { get; } = FullVersion.Split('+')[0];

    /// <param name="app">The server.</param>
    /// <param name="shortage">
    /// The reason that <see cref="OpenFiles.Fit"/> returned; null if the number of connections is not lowered.
    /// </param>
    public static void AnnounceWhenStarted(this WebApplication app, string? shortage)
    {
        BoundAddresses addresses = app.Services.GetRequiredService<BoundAddresses>();
        WireOptions wire = app.Services.GetRequiredService<WireOptions>();
        bool hasUsers = app.Services.GetService<IAccessControl>() is not null;

        // Not AddSystemd(), which looks up the parent's name in /proc, which the service's hardening hides.
        var systemd = new SystemdNotifier();
        app.Lifetime.ApplicationStarted.Register(() =>
        {
            string[] wires = [.. addresses.Wire.Select(address => $"{address}"), .. addresses.WireTls.Select(address => $"{address} (TLS)")];
            Started(app.Logger, ServerVersion, string.Join(", ", wires), wire.ProtectedMode && !hasUsers ? "this machine only" : "all clients",
                string.Join(", ", addresses.Admin.Select(address => $"{addresses.AdminScheme}://{address}/")));
            if (shortage is not null) Lowered(app.Logger, wire.ConnectionsMax, shortage);
            systemd.Notify(ServiceState.Ready);
        });
        app.Lifetime.ApplicationStopping.Register(() =>
        {
            systemd.Notify(ServiceState.Stopping);
            Stopping(app.Logger);
        });
        app.Lifetime.ApplicationStopped.Register(() => Stopped(app.Logger));
    }

    [LoggerMessage(100, LogLevel.Information, "KestrelKv {Version} serves the wire on {Wire} to {Peers}, the admin HTTP on {Admin}")]
    private static partial void Started(ILogger logger, string version, string wire, string peers, string admin);

    [LoggerMessage(101, LogLevel.Information, "Stopping: new connections are refused; received requests are completed")]
    private static partial void Stopping(ILogger logger);

    [LoggerMessage(102, LogLevel.Information, "Stopped")]
    private static partial void Stopped(ILogger logger);

    [LoggerMessage(103, LogLevel.Information, "Wire:ConnectionsMax is lowered to {ConnectionsMax}: {Shortage}")]
    private static partial void Lowered(ILogger logger, int connectionsMax, string shortage);
}
