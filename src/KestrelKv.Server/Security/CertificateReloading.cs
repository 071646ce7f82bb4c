using System.Runtime.InteropServices;
using KestrelKv.Server.Settings;

namespace KestrelKv.Server.Security;

/// <summary>Replaces certificates when their files change and on SIGHUP.</summary>
internal sealed partial class CertificateReloading(
    IEnumerable<ServerCertificate> certificates, TlsMetrics metrics, TimeProvider time, ILogger<CertificateReloading> logger)
    : IHostedService, IDisposable
{
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WarnPeriod = TimeSpan.FromDays(1);

    /// <summary>The remaining time from which on a warning is logged. Short-lived certificates are warned of later.</summary>
    private static readonly TimeSpan SoonMax = TimeSpan.FromDays(14);

    private const int SoonPart = 5;

    private readonly ServerCertificate[] _certificates = [.. certificates];
    private readonly Lock _lock = new();
    private ITimer? _timer;
    private PosixSignalRegistration? _hangup;
    private DateTimeOffset _warnedAt;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (_certificates.Length == 0) return Task.CompletedTask;
        WarnOfExpiry();
        _hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            Reload();
        });
        _timer = time.CreateTimer(_ => Check(), null, CheckPeriod, Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _hangup?.Dispose();
        _timer?.Dispose();
    }

    /// <summary>Loads all certificates again.</summary>
    public void Reload()
    {
        foreach (ServerCertificate certificate in _certificates) Reload(certificate);
    }

    private void Check()
    {
        foreach (ServerCertificate certificate in _certificates)
            if (certificate.HasChanged()) Reload(certificate);
        if (time.GetUtcNow() - _warnedAt >= WarnPeriod) WarnOfExpiry();
        _timer!.Change(CheckPeriod, Timeout.InfiniteTimeSpan);
    }

    private void Reload(ServerCertificate certificate)
    {
        lock (_lock)
        {
            try
            {
                certificate.Reload();
                metrics.CountReload(certificate, isLoaded: true);
                Loaded(logger, certificate.Port, certificate.Current.NotAfter);
                WarnOfExpiry();
            }
            catch (Exception e) when (e is SettingsException or System.Security.Cryptography.CryptographicException or FormatException or ArgumentException)
            {
                metrics.CountReload(certificate, isLoaded: false);
                Kept(logger, certificate.Port, certificate.Current.NotAfter, e.Message);
            }
        }
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

    [LoggerMessage(110, LogLevel.Information, "The certificate of the {Port} port was loaded again; it expires at {NotAfter:u}")]
    private static partial void Loaded(ILogger logger, string port, DateTime notAfter);

    [LoggerMessage(111, LogLevel.Error,
        "The certificate of the {Port} port was not loaded again; the previous one, which expires at {NotAfter:u}, is kept: {Reason}")]
    private static partial void Kept(ILogger logger, string port, DateTime notAfter, string reason);

    [LoggerMessage(112, LogLevel.Warning, "The certificate of the {Port} port expires at {NotAfter:u}; replace its file")]
    private static partial void ExpiresSoon(ILogger logger, string port, DateTime notAfter);
}
