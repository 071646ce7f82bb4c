using System.Net;
using System.Security.Cryptography.X509Certificates;
using KestrelKv.Protocol;

namespace KestrelKv.Wire.Security;

/// <summary>Knows the users of the server. Thread-safe.</summary>
public interface IAccessControl
{
    /// <summary>A number that changes whenever users, rights or secrets change. Identities must then be refreshed.</summary>
    int Epoch { get; }

    /// <summary>Whether a secret may be sent without TLS from another machine.</summary>
    bool AllowsPlaintext { get; }

    /// <summary>Raised after each change of <see cref="Epoch"/>. Handlers must not block or throw.</summary>
    event Action? Changed;

    /// <summary>Returns the identity of a client that has sent no secret: that of its certificate, or of anonymous clients.</summary>
    /// <param name="address">The client's address; null if it has none.</param>
    /// <param name="certificate">The client's certificate, already validated; null for none.</param>
    Identity Identify(IPAddress? address, X509Certificate2? certificate);

    /// <summary>Checks a secret. A failure takes longer if the address has caused many.</summary>
    /// <returns>The identity; null if the user or the secret is not valid.</returns>
    ValueTask<Identity?> AuthenticateAsync(
        ReadOnlyMemory<byte> user, ReadOnlyMemory<byte> secret, IPAddress? address, CancellationToken cancellationToken);

    /// <summary>Returns the current identity of a client; null if its user or its secret is no longer valid.</summary>
    /// <param name="identity">The identity before the change.</param>
    /// <param name="address">The client's address; null if it has none.</param>
    Identity? Refresh(Identity identity, IPAddress? address);

    /// <summary>Records a request that was refused for lack of rights.</summary>
    void OnDenied(Identity identity, IPAddress? address, in Request request);
}
