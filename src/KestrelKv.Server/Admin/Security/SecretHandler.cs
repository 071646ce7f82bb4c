using System.Buffers.Text;
using System.Security.Claims;
using System.Text.Encodings.Web;
using KestrelKv.Protocol;
using KestrelKv.Server.Security;
using KestrelKv.Wire.Security;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace KestrelKv.Server.Admin.Security;

/// <summary>
/// Identifies clients by a secret in the header <c>Authorization</c>, as a bearer token or with HTTP Basic. A client without the header
/// is identified by its certificate or as anonymous.
/// </summary>
internal sealed class SecretHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, UserAccess users, AdminOptions admin)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";

    /// <summary>Returns the bearer token of a request; null if it has none.</summary>
    public static string? BearerOf(HttpRequest request) => ValueOf(request.Headers.Authorization, Bearer);

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        RequestClient client = await IdentifyAsync(Request.Headers.Authorization);
        Context.Features.Set(client);

        // A failure would be logged, in addition to the audit log. AccessRefusals writes the error.
        return client.Error is null
            ? AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(), Scheme.Name))
            : AuthenticateResult.NoResult();
    }

    private async ValueTask<RequestClient> IdentifyAsync(StringValues header)
    {
        if (header.Count == 0)
            return new(users.Identify(RequestClients.AddressOf(Context), Context.Features.Get<ITlsFeature>()?.ClientCertificate));
        if (!users.AllowsPlaintext && !RequestClients.IsPrivate(Context)) return RequestClient.Refused(ProtocolError.TlsRequired);
        Identity? identity;
        if (ValueOf(header, Bearer) is { } secret)
            identity = await users.AuthenticateBearerAsync(secret, RequestClients.AddressOf(Context), Context.RequestAborted);
        else if (admin.BasicAuthentication && ValueOf(header, Basic) is { } encoded)
            identity = await AuthenticateBasicAsync(encoded);
        else
            return RequestClient.Refused(Unsupported());
        return identity is not null ? new(identity) : RequestClient.Refused(ProtocolError.AuthFailed);
    }

    private async ValueTask<Identity?> AuthenticateBasicAsync(string encoded)
    {
        // RFC 7617: the user's name ends at the first colon. What cannot be decoded is checked as an empty name, which fails.
        byte[] decoded = Base64.IsValid(encoded) ? Convert.FromBase64String(encoded) : [];
        int colon = decoded.AsSpan().IndexOf((byte)':');
        ReadOnlyMemory<byte> user = decoded.AsMemory(0, Math.Max(colon, 0));
        return await users.AuthenticateAsync(user, decoded.AsMemory(colon + 1), RequestClients.AddressOf(Context), Context.RequestAborted);
    }

    /// <remarks>The message does not quote the header, which may contain a secret.</remarks>
    private ProtocolError Unsupported() => new(ErrorCode.AuthFailed, admin.BasicAuthentication
        ? "the header Authorization has an unknown scheme or is given twice, expected Bearer SECRET or Basic"
        : "the header Authorization has an unknown scheme or is given twice, expected Bearer SECRET " +
          "(Basic is off: Admin:BasicAuthentication)");

    private static string? ValueOf(StringValues header, string scheme) =>
        header is [{ } only] && only.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) ? only[scheme.Length..].Trim(' ') : null;
}
