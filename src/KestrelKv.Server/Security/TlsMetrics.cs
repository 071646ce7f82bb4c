using System.Diagnostics.Metrics;

namespace KestrelKv.Server.Security;

/// <summary>The metrics of TLS. All series exist from the start.</summary>
internal sealed class TlsMetrics
{
    public const string MeterName = "KestrelKv.Tls";

    private static readonly string[] ReloadOutcomes = ["ok", "failed"];
    private static readonly HandshakeOutcome[] HandshakeOutcomes = Enum.GetValues<HandshakeOutcome>();

    private readonly ServerCertificate[] _certificates;
    private readonly long[] _reloads;
    private readonly long[] _handshakes = new long[HandshakeOutcomes.Length];

    public TlsMetrics(IMeterFactory meters, IEnumerable<ServerCertificate> certificates)
    {
        _certificates = [.. certificates];
        _reloads = new long[_certificates.Length * ReloadOutcomes.Length];
        if (_certificates.Length == 0) return;
        Meter meter = meters.Create(MeterName);
        meter.CreateObservableGauge("kestrelkv.tls.certificate.expiry", Expiries, "s",
            "The Unix time at which the certificate expires, by port.");
        meter.CreateObservableCounter("kestrelkv.tls.certificate.reloads", Reloads, "{reload}",
            "Attempts to load changed certificates, by port and outcome: ok, or failed if the previous certificate is kept.");
        if (Array.Exists(_certificates, c => c.Port == "wire"))
        {
            meter.CreateObservableCounter("kestrelkv.tls.handshakes", Handshakes, "{handshake}",
                "TLS handshakes on the wire port, by outcome: ok, failed, timeout, or refused without an attempt.");
        }
    }

    public void CountReload(ServerCertificate certificate, bool isLoaded) => Interlocked.Increment(
        ref _reloads[Array.IndexOf(_certificates, certificate) * ReloadOutcomes.Length + (isLoaded ? 0 : 1)]);

    public void CountHandshake(HandshakeOutcome outcome) => Interlocked.Increment(ref _handshakes[(int)outcome]);

    private IEnumerable<Measurement<double>> Expiries() => _certificates.Select(certificate => new Measurement<double>(
        new DateTimeOffset(certificate.Current.NotAfter).ToUnixTimeSeconds(), Tag("port", certificate.Port)));

    private IEnumerable<Measurement<long>> Reloads() => _reloads.Select((_, i) => new Measurement<long>(
        Volatile.Read(ref _reloads[i]), Tag("port", _certificates[i / ReloadOutcomes.Length].Port),
        Tag("outcome", ReloadOutcomes[i % ReloadOutcomes.Length])));

    private IEnumerable<Measurement<long>> Handshakes() => HandshakeOutcomes.Select(outcome => new Measurement<long>(
        Volatile.Read(ref _handshakes[(int)outcome]), Tag("outcome", outcome.ToString().ToLowerInvariant())));

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}

/// <summary>How a TLS handshake ended.</summary>
internal enum HandshakeOutcome
{
    /// <summary>The connection is encrypted.</summary>
    Ok,

    /// <summary>The client's handshake or certificate was not valid, or the client rejected the server's.</summary>
    Failed,

    /// <summary>The handshake took longer than <see cref="Wire.Security.TlsOptions.HandshakeTimeout"/>.</summary>
    Timeout,

    /// <summary>Too many connections are open, the handshake made room for a later one, or the server stops.</summary>
    Refused,
}
