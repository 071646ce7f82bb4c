using KestrelKv.Protocol;
using KestrelKv.Wire.Security;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http.Features;

namespace KestrelKv.Server.Admin.Security;

/// <summary>Writes the errors of requests that the policy of their endpoint refuses, before the body is read.</summary>
internal sealed class AccessRefusals(RequestClients clients) : IAuthorizationMiddlewareResultHandler
{
    /// <summary>The maximum length of the body of a refused request, in bytes. The connection of a longer one is closed.</summary>
    private const int BodyBytesMax = 16 * 1024;

    public Task HandleAsync(
        RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded) return next(context);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } body) body.MaxRequestBodySize = BodyBytesMax;

        // Only route endpoints execute code of the server. Without one, the response is the 404 or 405 of routing.
        if (context.GetEndpoint() is not RouteEndpoint endpoint) return next(context);
        RequestClient client = RequestClients.Of(context);
        ServerRights rights = EndpointAccess.RightsOf(policy);
        if (client.Error is null) clients.OnDenied(context, NameOf(endpoint, rights));
        return Problems.Of(client.Error ?? Explain(client.Identity, rights)).ExecuteAsync(context);
    }

    private static ProtocolError Explain(Identity identity, ServerRights rights) => identity.User is null
        ? RequestClients.AuthRequired
        : new(ErrorCode.Forbidden,
            $"the user \"{identity.User}\" does not have the server right {Text(rights)}, expected a role of the user that has it");

    private static string NameOf(Endpoint endpoint, ServerRights rights) =>
        endpoint.Metadata.GetMetadata<FunctionCall>()?.Function.Name ??
        (rights == ServerRights.None ? "CALL" : Text(rights).ToUpperInvariant());

    private static string Text(ServerRights rights) => rights.ToString().ToLowerInvariant();
}
