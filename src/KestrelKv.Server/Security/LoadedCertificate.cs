using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using KestrelKv.Server.Settings;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Security;

/// <summary>A certificate with its key and the options of handshakes with it. Immutable and thread-safe.</summary>
internal sealed class LoadedCertificate
{
    private const string CertificateLabel = "CERTIFICATE";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _leaf;
    private readonly ClientCertificateMode _mode;

    private LoadedCertificate(X509Certificate2 leaf, X509Certificate2[] intermediates, X509Certificate2Collection roots, TlsOptions tls,
        SslApplicationProtocol protocol)
    {
        (_leaf, _mode) = (leaf, tls.ClientCertificates);

        // Offline: the server downloads neither intermediate certificates nor OCSP responses.
        Context = SslStreamCertificateContext.Create(leaf, [.. intermediates], offline: true);
        Server = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = Context,
            EnabledSslProtocols = tls.MinimumVersion == TlsVersion.Tls12 ? SslProtocols.Tls12 | SslProtocols.Tls13 : SslProtocols.Tls13,
            ApplicationProtocols = [protocol],
            AllowRenegotiation = false,
            EncryptionPolicy = EncryptionPolicy.RequireEncryption,

            // A resumed session would skip the check of the client's certificate, which may have expired since.
            AllowTlsResume = _mode == ClientCertificateMode.None,
            ClientCertificateRequired = _mode != ClientCertificateMode.None,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (_mode == ClientCertificateMode.None) return;
        Server.RemoteCertificateValidationCallback = IsClientAccepted;
        Server.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            ApplicationPolicy = { new Oid(ClientAuthentication) },
        };
        Server.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
    }

    /// <summary>The certificate with its chain.</summary>
    public SslStreamCertificateContext Context { get; }

    /// <summary>The options of a handshake with a client.</summary>
    public SslServerAuthenticationOptions Server { get; }

    /// <summary>The first moment in UTC at which the certificate is no longer valid.</summary>
    public DateTime NotAfter => _leaf.NotAfter.ToUniversalTime();

    /// <summary>The duration for which the certificate is valid.</summary>
    public TimeSpan Lifetime => _leaf.NotAfter - _leaf.NotBefore;

    /// <summary>
    /// Returns the options with which this server connects to itself. It presents its own certificate, which it accepts from clients, and
    /// accepts no other.
    /// </summary>
    public SslClientAuthenticationOptions ToSelf() => new()
    {
        TargetHost = "localhost",
        ApplicationProtocols = Server.ApplicationProtocols,
        ClientCertificateContext = Context,
        RemoteCertificateValidationCallback = (_, certificate, _, _) => IsOwn(certificate),
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
    };

    /// <summary>Loads the files that the options name.</summary>
    /// <param name="section">The section of the options, such as <c>Wire:Tls</c>.</param>
    /// <param name="tls">The options.</param>
    /// <param name="protocol">The protocol that ALPN negotiates.</param>
    /// <param name="now">The current time.</param>
    /// <exception cref="SettingsException">A file is not readable or not valid.</exception>
    public static LoadedCertificate Load(string section, TlsOptions tls, SslApplicationProtocol protocol, DateTimeOffset now)
    {
        var file = new PemFile($"{section}:Certificate", tls.Certificate);
        PemBlock[] blocks = file.Read();
        PemBlock[] certificates = [.. blocks.Where(block => block.Label == CertificateLabel)];
        if (certificates is not [var first, ..]) throw file.Error(null, "the file has no certificate");
        X509Certificate2[] chain = [.. certificates.Select(block => Decode(file, block))];
        if (chain[0].NotAfter <= now.LocalDateTime) throw file.Error(first, $"the certificate expired at {chain[0].NotAfter:u}");
        if (chain[0].NotBefore > now.LocalDateTime) throw file.Error(first, $"the certificate is not valid before {chain[0].NotBefore:u}");

        PemFile keyFile = tls.Key.Length == 0 ? file : new PemFile($"{section}:Key", tls.Key);
        PemBlock key = KeyOf(keyFile, tls.Key.Length == 0 ? blocks : keyFile.Read());
        return new LoadedCertificate(WithKey(keyFile, first, key), chain[1..], Roots(section, tls), tls, protocol);
    }

    private static X509Certificate2 Decode(PemFile file, PemBlock block)
    {
        try
        {
            return X509CertificateLoader.LoadCertificate(block.Decode());
        }
        catch (CryptographicException e)
        {
            throw file.Error(block, $"the certificate is not valid: {e.Message}");
        }
    }

    private static PemBlock KeyOf(PemFile file, PemBlock[] blocks)
    {
        PemBlock[] keys = [.. blocks.Where(block => block.Label.EndsWith("PRIVATE KEY", StringComparison.Ordinal))];
        if (keys.Length != 1) throw file.Error(null, $"the file has {keys.Length} private keys, expected 1");
        return keys[0].Label == "ENCRYPTED PRIVATE KEY" ? throw file.Error(keys[0], "the key is encrypted, expected no password") : keys[0];
    }

    private static X509Certificate2 WithKey(PemFile file, PemBlock certificate, PemBlock key)
    {
        try
        {
            return X509Certificate2.CreateFromPem(certificate.Text, key.Text);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            throw file.Error(key, $"the key does not belong to the certificate, or is not valid: {e.Message}");
        }
    }

    private static X509Certificate2Collection Roots(string section, TlsOptions tls)
    {
        if (tls.ClientCertificates == ClientCertificateMode.None) return [];
        var file = new PemFile($"{section}:ClientAuthority", tls.ClientAuthority);
        var roots = new X509Certificate2Collection();
        foreach (PemBlock block in file.Read())
        {
            if (block.Label != CertificateLabel) throw file.Error(block, $"the block is a {block.Label}, expected certificates only");
            X509Certificate2 root = Decode(file, block);
            if (!root.SubjectName.RawData.AsSpan().SequenceEqual(root.IssuerName.RawData))
                throw file.Error(block, $"the certificate of {root.Subject} is issued by {root.Issuer}, expected a root");
            roots.Add(root);
        }
        return roots;
    }

    private bool IsOwn(X509Certificate? certificate) =>
        certificate is not null && certificate.GetRawCertData().AsSpan().SequenceEqual(_leaf.RawDataMemory.Span);

    /// <summary>
    /// Accepts valid certificates, and the server's own: the server checks its own ports, and whoever has its key can also pose as it.
    /// </summary>
    private bool IsClientAccepted(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        errors == SslPolicyErrors.None || IsOwn(certificate)
        || (_mode == ClientCertificateMode.Allow && certificate is null && errors == SslPolicyErrors.RemoteCertificateNotAvailable);
}
