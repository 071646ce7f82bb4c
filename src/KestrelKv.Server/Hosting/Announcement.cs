using System.Reflection;
using KestrelKv.Wire;
using Microsoft.Extensions.Hosting.Systemd;

namespace KestrelKv.Server.Hosting;

/// <summary>Tells in the log what listens where; and tells systemd, where it has asked for that, when the server serves.</summary>
internal static partial class Announcement
{
    /// <summary>The version of the program, such as 0.1.0.</summary>
    public static string ServerVersion { get; } =
        typeof(Announcement).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <param name="app">The server.</param>
    /// <param name="shortage">Why <see cref="OpenFiles.Fit"/> has lowered the number of connections; null if it has not.</param>
    public static void AnnounceWhenStarted(this WebApplication app, string? shortage)
    {
        BoundAddresses addresses = app.Services.GetRequiredService<BoundAddresses>();
        WireOptions wire = app.Services.GetRequiredService<WireOptions>();

        // Not AddSystemd(): that looks up the parent's name in /proc, which the service's hardening hides.
        var systemd = new SystemdNotifier();
        app.Lifetime.ApplicationStarted.Register(() =>
        {
            Started(app.Logger, ServerVersion, string.Join(", ", addresses.Wire), wire.ProtectedMode ? "this machine only" : "everybody",
                string.Join(", ", addresses.Admin.Select(address => $"http://{address}/")));
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

    [LoggerMessage(101, LogLevel.Information, "Stopping: no new connections; what was received is being answered")]
    private static partial void Stopping(ILogger logger);

    [LoggerMessage(102, LogLevel.Information, "Stopped")]
    private static partial void Stopped(ILogger logger);

    [LoggerMessage(103, LogLevel.Information, "The wire serves {ConnectionsMax} connections at the most: {Shortage}")]
    private static partial void Lowered(ILogger logger, int connectionsMax, string shortage);
}
