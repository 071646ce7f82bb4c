using System.Security.Cryptography.X509Certificates;

namespace KestrelKv.Wire.Security;

/// <summary>The feature of a connection that is encrypted by TLS.</summary>
public interface ITlsFeature
{
    /// <summary>The client's certificate, already validated; null for none.</summary>
    X509Certificate2? ClientCertificate { get; }
}
