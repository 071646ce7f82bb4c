using System.Net.Security;
using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Security;

/// <summary>Composes TLS: the certificates of both ports, and their replacement.</summary>
internal static class TlsSetup
{
    /// <summary>The protocol that ALPN names on the wire port.</summary>
    public static readonly SslApplicationProtocol WireProtocol = new("kestrelkv/1");

    private const string WirePort = "wire";
    private const string AdminPort = "admin";

    /// <exception cref="SettingsException">A certificate is not readable or not valid.</exception>
    public static void AddTls(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton<TlsMetrics>();
        ServerCertificate[] certificates = [.. Load(settings)];
        foreach (ServerCertificate certificate in certificates) builder.Services.AddSingleton(certificate);
        if (certificates.Length > 0) builder.Services.AddSingleton<IReloadable, Certificates>();
    }

    /// <summary>Returns the certificate of the wire port; null if it has none.</summary>
    public static ServerCertificate? OfWire(this IEnumerable<ServerCertificate> certificates) =>
        certificates.FirstOrDefault(certificate => certificate.Port == WirePort);

    /// <summary>Returns the certificate of the admin port; null if it has none.</summary>
    public static ServerCertificate? OfAdmin(this IEnumerable<ServerCertificate> certificates) =>
        certificates.FirstOrDefault(certificate => certificate.Port == AdminPort);

    /// <summary>Loads the certificate of the admin port.</summary>
    public static ServerCertificate LoadAdmin(ServerSettings settings) =>
        new(AdminPort, "Admin:Tls", settings.Admin.Tls, SslApplicationProtocol.Http11, TimeProvider.System);

    private static IEnumerable<ServerCertificate> Load(ServerSettings settings)
    {
        if (settings.Wire.Tls.IsOn) yield return new(WirePort, "Wire:Tls", settings.Wire.Tls, WireProtocol, TimeProvider.System);
        if (settings.Admin.Tls.IsOn) yield return LoadAdmin(settings);
    }
}
