using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace KestrelKv.Benchmarks.Servers;

/// <summary>A self-signed certificate of this machine with its key (ECDSA P-256), in one PEM file.</summary>
internal sealed class BenchmarkCertificate
{
    public BenchmarkCertificate(string directory)
    {
        Path = System.IO.Path.Combine(directory, "server.pem");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddYears(1));
        File.WriteAllText(Path, $"{certificate.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
    }

    public string Path { get; }
}
