using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Security;

/// <summary>The certificates of all ports: logs their replacement, and warns before they expire.</summary>
internal sealed partial class Certificates(
    IEnumerable<ServerCertificate> certificates, TlsMetrics metrics, TimeProvider time, ILogger<Certificates> logger) : IReloadable
{
    private static readonly TimeSpan WarnPeriod = TimeSpan.FromDays(1);

    /// <summary>The remaining time from which on a warning is logged. Short-lived certificates are warned of later.</summary>
    private static readonly TimeSpan SoonMax = TimeSpan.FromDays(14);

    private const int SoonPart = 5;

    private readonly ServerCertificate[] _certificates = [.. certificates];
    private DateTimeOffset _warnedAt;

    /// <inheritdoc/>
    public void Reload(bool always)
    {
        foreach (ServerCertificate certificate in _certificates)
            if (always || certificate.HasChanged()) Reload(certificate);
        if (time.GetUtcNow() - _warnedAt >= WarnPeriod) WarnOfExpiry();
    }

    private void Reload(ServerCertificate certificate)
    {
        try
        {
            certificate.Reload();
        }
        catch (Exception e) when (e is SettingsException or System.Security.Cryptography.CryptographicException or FormatException or ArgumentException)
        {
            metrics.CountReload(certificate, isLoaded: false);
            Kept(logger, certificate.Port, certificate.Current.NotAfter, e.Message);
            return;
        }
        metrics.CountReload(certificate, isLoaded: true);
        Loaded(logger, certificate.Port, certificate.Current.NotAfter);
        WarnOfExpiry();
    }

    private void WarnOfExpiry()
    {
        DateTimeOffset now = _warnedAt = time.GetUtcNow();
        foreach (ServerCertificate certificate in _certificates)
        {
            LoadedCertificate loaded = certificate.Current;
            TimeSpan left = loaded.NotAfter - now.UtcDateTime, share = loaded.Lifetime / SoonPart;
            if (left < (share < SoonMax ? share : SoonMax)) ExpiresSoon(logger, certificate.Port, loaded.NotAfter);
        }
    }

    [LoggerMessage(110, LogLevel.Information, "The certificate of the {Port} port was reloaded; it expires at {NotAfter:u}")]
    private static partial void Loaded(ILogger logger, string port, DateTime notAfter);

    [LoggerMessage(111, LogLevel.Error,
        "The certificate of the {Port} port was not reloaded; the previous one, which expires at {NotAfter:u}, is kept: {Reason}")]
    private static partial void Kept(ILogger logger, string port, DateTime notAfter, string reason);

    [LoggerMessage(112, LogLevel.Warning, "The certificate of the {Port} port expires at {NotAfter:u}; replace its file")]
    private static partial void ExpiresSoon(ILogger logger, string port, DateTime notAfter);
}
