using System.Net;
using KestrelKv.Protocol;
using KestrelKv.Server.Security;
using KestrelKv.Wire;
using KestrelKv.Wire.Security;

namespace KestrelKv.Server.Admin.Security;

/// <summary>The clients of HTTP requests. Thread-safe.</summary>
/// <param name="time">The clock for the expiry of tokens.</param>
/// <param name="users">The users; null if the server has none, so that every client may do everything.</param>
internal sealed class RequestClients(TimeProvider time, UserAccess? users = null)
{
    /// <summary>Whether the server has users.</summary>
    public bool HasUsers => users is not null;

    /// <summary>The error of a client that lacks rights and has sent no credentials.</summary>
    public static ProtocolError AuthRequired { get; } = new(
        ErrorCode.AuthRequired, "the request needs the rights of a user, expected the header Authorization: Bearer SECRET");

    /// <summary>Returns the address of the client of a request. Headers such as X-Forwarded-For do not change it.</summary>
    public static IPAddress? AddressOf(HttpContext http) => http.Connection.RemoteIpAddress;

    /// <summary>Whether the credentials of a request cannot be read on the network: it came over TLS, or from this machine.</summary>
    public static bool IsPrivate(HttpContext http) =>
        http.Features.Get<ITlsFeature>() is not null ||
        PeerGuard.IsThisMachine(http.Connection.RemoteIpAddress, http.Connection.LocalIpAddress);

    /// <summary>Returns the client of a request. A request that was not authenticated has no rights.</summary>
    public static RequestClient Of(HttpContext http) => http.Features.Get<RequestClient>() ?? RequestClient.None;

    /// <summary>Validates a request and checks the client's rights. A refusal is recorded.</summary>
    public Request Validate(HttpContext http, RequestRunner runner, in Request request)
    {
        if (users is null) return runner.Validate(request);
        RequestClient client = Of(http);
        Identity? identity = client.Identity;
        if (client.Error is null)
        {
            // The client may have lost its rights while the body arrived.
            identity = client.Expires <= time.GetUtcNow() ? null : users.Refresh(identity, AddressOf(http));
            if (identity is null) return request.Refused(ProtocolError.AuthRevoked);
        }
        Request valid = runner.Validate(request, identity);
        if (valid.Error is not { Code: ErrorCode.Forbidden or ErrorCode.AuthRequired } error) return valid;
        users.OnDenied(identity, AddressOf(http), request);
        return error.Code == ErrorCode.AuthRequired ? valid.Refused(AuthRequired with { Index = error.Index }) : valid;
    }

    /// <summary>Records a refused request for which no wire request exists.</summary>
    public void OnDenied(HttpContext http, string operation) => users?.OnDenied(Of(http).Identity, AddressOf(http), operation);

    /// <summary>Observes the rights of a client during a long response; null if the server has no users.</summary>
    public ClientRights? Follow(HttpContext http, Predicate<Identity> allows) =>
        users is null ? null : new ClientRights(users, time, Of(http), AddressOf(http), allows);
}
