using System.Net.Security;
using KestrelKv.Server.Settings;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Security;

/// <summary>The certificate of one port, and its replacement when its files change. One thread at a time may check and reload it.</summary>
/// <remarks>
/// The contents of the files are compared, not their names or times: secrets of Kubernetes and Docker are symbolic links that are swapped.
/// Changed files are loaded once two checks have found the same contents, so that a certificate and its key can be written one after
/// the other. If the new files are not valid, the port keeps its certificate.
/// </remarks>
internal sealed class ServerCertificate
{
    private readonly string _section;
    private readonly TlsOptions _tls;
    private readonly SslApplicationProtocol _protocol;
    private readonly TimeProvider _time;
    private readonly WatchedFile[] _files;
    private volatile LoadedCertificate _current;

    // The contents that were last loaded, or were refused; and those that the last check found.
    private string _loaded;
    private string _seen;

    /// <param name="port">The name of the port: <c>wire</c> or <c>admin</c>.</param>
    /// <param name="section">The section of the options, such as <c>Wire:Tls</c>.</param>
    /// <param name="tls">The options.</param>
    /// <param name="protocol">The protocol that ALPN negotiates.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="SettingsException">A file is not readable or not valid.</exception>
    public ServerCertificate(string port, string section, TlsOptions tls, SslApplicationProtocol protocol, TimeProvider time)
    {
        (Port, _section, _tls, _protocol, _time) = (port, section, tls, protocol, time);
        _files =
        [
            .. new[] { tls.Certificate, tls.Key, tls.ClientAuthority }.Where(path => path.Length > 0).Select(PemFile.Watch),
        ];
        _loaded = _seen = Fingerprint();
        _current = LoadedCertificate.Load(_section, _tls, _protocol, _time.GetUtcNow());
    }

    /// <summary>The name of the port.</summary>
    public string Port { get; }

    /// <summary>The certificate in use.</summary>
    public LoadedCertificate Current => _current;

    /// <summary>Whether the files have changed, and have been as they are since the last check.</summary>
    public bool HasChanged()
    {
        string last = _seen;
        _seen = Fingerprint();
        return _seen != _loaded && _seen == last;
    }

    /// <summary>Loads the files. New connections use the new certificate.</summary>
    /// <exception cref="SettingsException">A file is not readable or not valid. The port keeps its certificate.</exception>
    public void Reload()
    {
        _loaded = _seen = Fingerprint();
        _current = LoadedCertificate.Load(_section, _tls, _protocol, _time.GetUtcNow());
    }

    private string Fingerprint() => string.Join('|', _files.Select(file => file.Fingerprint()));
}
