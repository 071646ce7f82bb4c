using System.Text;
using KestrelKv.Protocol;
using KestrelKv.Server.Security;
using Microsoft.AspNetCore.Authentication.JwtBearer;

namespace KestrelKv.Server.Admin.Security;

/// <summary>Converts validated tokens of the OpenID provider to identities.</summary>
internal sealed class TokenEvents(UserAccess users, OidcOptions oidc) : JwtBearerEvents
{
    /// <summary>
    /// The first part of the names of the provider's users. No user of the users file has such a name, so their records of request ids
    /// are separate.
    /// </summary>
    public const string UserPrefix = "oidc:";

    /// <summary>The maximum length of a subject in bytes of UTF-8. A request id with the name of its user has at most 256.</summary>
    private const int SubjectBytesMax = 122;

    private static readonly ProtocolError NotChecked = new(
        ErrorCode.AuthFailed, "the token cannot be checked, because the OpenID provider does not respond (Admin:Oidc:Authority)");

    public override Task TokenValidated(TokenValidatedContext context)
    {
        string? subject = context.Principal?.FindFirst("sub")?.Value;
        if (string.IsNullOrEmpty(subject) || Encoding.UTF8.GetByteCount(subject) > SubjectBytesMax || subject.Any(char.IsControl))
        {
            Refuse(context, ProtocolError.AuthFailed, "no_subject");
            return Task.CompletedTask;
        }
        IEnumerable<string> roles = context.Principal!.FindAll(oidc.RolesClaim).Select(claim => claim.Value);
        if (users.OfRoles(UserPrefix + subject, roles) is not { } identity)
        {
            Refuse(context, new(ErrorCode.Forbidden,
                $"the token has no role of the users file, expected one in its claim \"{oidc.RolesClaim}\" (Admin:Oidc:RolesClaim)"),
                "no_role");
            return Task.CompletedTask;
        }
        context.HttpContext.Features.Set(new RequestClient(identity, Error: null, context.SecurityToken.ValidTo));
        return Task.CompletedTask;
    }

    public override async Task AuthenticationFailed(AuthenticationFailedContext context)
    {
        if (await HasKeysAsync(context)) Refuse(context, ProtocolError.AuthFailed, "invalid_token");
        else Refuse(context, NotChecked, "provider_unavailable");
    }

    /// <summary>
    /// Whether the keys of the provider are known. Otherwise the exception only names a consequence: no key fits the token.
    /// </summary>
    private static async ValueTask<bool> HasKeysAsync(AuthenticationFailedContext context)
    {
        try
        {
            return await context.Options.ConfigurationManager!.GetConfigurationAsync(context.HttpContext.RequestAborted) is not null;
        }
        catch (InvalidOperationException)
        {
            // The metadata cannot be read.
            return false;
        }
    }

    private void Refuse(Microsoft.AspNetCore.Authentication.ResultContext<JwtBearerOptions> context, ProtocolError error, string reason)
    {
        users.OnTokenRefused(RequestClients.AddressOf(context.HttpContext), reason);
        context.HttpContext.Features.Set(RequestClient.Refused(error));
        context.Fail(error.Message);
    }
}
