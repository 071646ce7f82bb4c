using KestrelKv.Server.Settings;
using KestrelKv.Wire;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Security;

/// <summary>Composes users and rights.</summary>
internal static class SecuritySetup
{
    /// <summary>Registers the users if the settings name a users file. Otherwise every client may do everything.</summary>
    public static void AddSecurity(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddHostedService<Reloading>();
        if (settings.Security.UsersFile.Length == 0) return;
        builder.Services.AddSingleton(settings.Security);
        builder.Services.AddSingleton<AuditLog>();
        builder.Services.AddSingleton<AuthMetrics>();
        builder.Services.AddSingleton<UserAccess>();
        builder.Services.AddSingleton<IAccessControl>(services => services.GetRequiredService<UserAccess>());
        builder.Services.AddSingleton<IReloadable>(services => services.GetRequiredService<UserAccess>());
    }

    /// <summary>Reads the users file, and makes open connections apply its changes.</summary>
    /// <exception cref="UsersFileException">The file cannot be read or is invalid.</exception>
    public static void OpenUsers(this WebApplication app)
    {
        if (app.Services.GetService<UserAccess>() is not { } users) return;
        WireConnections connections = app.Services.GetRequiredService<WireConnections>();
        users.Changed += connections.Recheck;
    }
}
