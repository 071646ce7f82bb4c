using System.Text.Json.Serialization;

namespace KestrelKv.Wire.Security;

/// <summary>The settings of TLS on one port. TLS is on if <see cref="Certificate"/> is set.</summary>
public sealed class TlsOptions
{
    /// <summary>
    /// The path of the server's certificate in PEM format, followed by its intermediate certificates. The default is empty: no TLS. The
    /// file is reloaded when it changes.
    /// </summary>
    public string Certificate { get; set; } = "";

    /// <summary>
    /// The path of the private key in PEM format, without a password. The default is empty: the key is in <see cref="Certificate"/>.
    /// </summary>
    public string Key { get; set; } = "";

    /// <summary>Whether clients present a certificate. The default is <see cref="ClientCertificateMode.None"/>.</summary>
    public ClientCertificateMode ClientCertificates { get; set; }

    /// <summary>
    /// The path of the root certificates in PEM format that issue client certificates. Required unless <see cref="ClientCertificates"/> is
    /// None. The roots of the system are not trusted for clients.
    /// </summary>
    public string ClientAuthority { get; set; } = "";

    /// <summary>The oldest permitted version of TLS. The default is <see cref="TlsVersion.Tls13"/>.</summary>
    public TlsVersion MinimumVersion { get; set; } = TlsVersion.Tls13;

    /// <summary>How long a handshake may take, 100 milliseconds to 1 minute. The default is 5 seconds.</summary>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether TLS is on.</summary>
    [JsonIgnore]
    public bool IsOn => Certificate.Length > 0;
}

/// <summary>Whether clients present a certificate.</summary>
public enum ClientCertificateMode
{
    /// <summary>Clients are not asked for a certificate.</summary>
    None,

    /// <summary>A client may present a certificate. An invalid one ends the handshake.</summary>
    Allow,

    /// <summary>A client without a valid certificate is refused.</summary>
    Require,
}

/// <summary>A version of TLS.</summary>
public enum TlsVersion
{
    /// <summary>TLS 1.2 (RFC 5246).</summary>
    Tls12,

    /// <summary>TLS 1.3 (RFC 8446).</summary>
    Tls13,
}
