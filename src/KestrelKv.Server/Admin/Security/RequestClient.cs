using KestrelKv.Protocol;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Admin.Security;

/// <summary>A feature of a request: its client, once authentication has completed.</summary>
/// <param name="Identity">The identity; <see cref="Identity.None"/> if the credentials were refused.</param>
/// <param name="Error">The reason for the refusal of the credentials; null if they were not refused.</param>
/// <param name="Expires">The time at which the client's token expires; null if it has none.</param>
internal sealed record RequestClient(Identity Identity, ProtocolError? Error = null, DateTimeOffset? Expires = null)
{
    /// <summary>A client that has not been authenticated.</summary>
    public static RequestClient None { get; } = new(Identity.None);

    /// <summary>Returns a client whose credentials were refused.</summary>
    public static RequestClient Refused(ProtocolError error) => new(Identity.None, error);
}
