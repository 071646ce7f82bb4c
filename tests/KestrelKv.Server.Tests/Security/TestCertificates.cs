using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace KestrelKv.Server.Tests.Security;

/// <summary>A private authority, and certificates that it has issued, as PEM files in a directory of its own.</summary>
internal sealed class TestCertificates : IDisposable
{
    private static readonly DateTimeOffset From = DateTimeOffset.UtcNow.AddDays(-2);

    private readonly string _directory = Directory.CreateTempSubdirectory("kestrelkv-tls-").FullName;
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _authority;

    public TestCertificates()
    {
        var request = new CertificateRequest("CN=Test authority", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _authority = request.CreateSelfSigned(From, DateTimeOffset.UtcNow.AddYears(2));
        File.WriteAllText(AuthorityPath, _authority.ExportCertificatePem());
    }

    public string AuthorityPath => PathTo("ca.pem");

    public string PathTo(string name) => Path.Combine(_directory, name);

    /// <summary>Issues a certificate and returns the path of a file with it and its key.</summary>
    /// <param name="name">The name of the file, and of the subject.</param>
    /// <param name="isClient">Whether it is for a client; otherwise for a server named localhost.</param>
    /// <param name="days">The number of days until it expires.</param>
    public string Issue(string name, bool isClient = false, int days = 365)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(isClient ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1")], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.Create(
            _authority, From, DateTimeOffset.UtcNow.AddDays(days), RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(PathTo(name), $"{certificate.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
        return PathTo(name);
    }

    /// <summary>Returns the fingerprint of a certificate as the users file has it.</summary>
    public static string FingerprintOf(string path)
    {
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificateFromFile(path);
        return $"sha256:{certificate.GetCertHashString(HashAlgorithmName.SHA256)}";
    }

    public void Dispose()
    {
        _authority.Dispose();
        _key.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
