using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace KestrelKv.Testing;

/// <summary>A root that issues certificates in PEM files of a temporary directory. Disposal deletes it.</summary>
public sealed class TestAuthority : IDisposable
{
    private const string ServerUsage = "1.3.6.1.5.5.7.3.1";
    public const string ClientUsage = "1.3.6.1.5.5.7.3.2";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kestrelkv-tls-");
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _root;
    private byte _serial;

    public TestAuthority(string name = "root")
    {
        var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-2), DateTimeOffset.UtcNow.AddYears(10));
        File.WriteAllText(RootFile, _root.ExportCertificatePem());
    }

    public string RootFile => PathTo("root.pem");

    public string PathTo(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>Writes a certificate of localhost and its key to one file, and returns the path.</summary>
    public string IssueServer(string file = "server.pem", int days = 365, int fromDays = -1)
    {
        using X509Certificate2 certificate = Issue("localhost", ServerUsage, days, fromDays);
        string key = certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem();
        File.WriteAllText(PathTo(file), $"{certificate.ExportCertificatePem()}\n{key}\n");
        return PathTo(file);
    }

    public X509Certificate2 Issue(string name, string usage, int days = 365, int fromDays = -1)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.Create(
            _root, DateTimeOffset.UtcNow.AddDays(fromDays), DateTimeOffset.UtcNow.AddDays(days), [++_serial]);
        return certificate.CopyWithPrivateKey(key);
    }

    /// <summary>Returns the options of a client that verifies the server's certificate.</summary>
    public SslClientAuthenticationOptions Client(X509Certificate2? certificate = null) => new()
    {
        TargetHost = "localhost",
        ClientCertificates = certificate is null ? null : [certificate],
        CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { _root },
            RevocationMode = X509RevocationMode.NoCheck,
        },
    };

    public void Dispose()
    {
        _root.Dispose();
        _key.Dispose();
        _folder.Delete(recursive: true);
    }
}
