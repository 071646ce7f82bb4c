using KestrelKv.Wire.Security;
using Microsoft.AspNetCore.Authorization;

namespace KestrelKv.Server.Admin.Security;

/// <summary>
/// Endpoint metadata: what a client needs to call an endpoint if the server has users. An endpoint that declares nothing is denied.
/// </summary>
internal static class EndpointAccess
{
    private static readonly AuthorizationPolicy Clients = Needs(ServerRights.None);
    private static readonly AuthorizationPolicy Admins = Needs(ServerRights.Admin);
    private static readonly AuthorizationPolicy MetricsReaders = Needs(ServerRights.Metrics);

    /// <summary>The policy of endpoints without a declaration.</summary>
    public static AuthorizationPolicy Undeclared { get; } = new AuthorizationPolicyBuilder().RequireAssertion(static _ => false).Build();

    /// <summary>Every client may call the endpoint.</summary>
    public static T ForAll<T>(this T endpoint)
        where T : IEndpointConventionBuilder => endpoint.WithMetadata(new AllowAnonymousAttribute());

    /// <summary>
    /// Every client with any rights may call the endpoint, which must pass its request to <see cref="RequestClients.Validate"/>.
    /// </summary>
    public static T ForClients<T>(this T endpoint)
        where T : IEndpointConventionBuilder => endpoint.WithMetadata(Clients);

    /// <summary>Clients with <see cref="ServerRights.Admin"/> may call the endpoint.</summary>
    public static T ForAdmins<T>(this T endpoint)
        where T : IEndpointConventionBuilder => endpoint.WithMetadata(Admins);

    /// <summary>Clients with <see cref="ServerRights.Metrics"/> may call the endpoint.</summary>
    public static T ForMetricsReaders<T>(this T endpoint)
        where T : IEndpointConventionBuilder => endpoint.WithMetadata(MetricsReaders);

    /// <summary>Returns the server rights that a policy needs.</summary>
    public static ServerRights RightsOf(AuthorizationPolicy policy) =>
        policy.Requirements.OfType<RightsRequirement>().Aggregate(ServerRights.None, (all, requirement) => all | requirement.Rights);

    // The metadata is the policy itself, not a reference to it: without users, no middleware would resolve the reference.
    private static AuthorizationPolicy Needs(ServerRights rights) =>
        new AuthorizationPolicyBuilder(AuthenticationSetup.Scheme).AddRequirements(new RightsRequirement(rights)).Build();

    /// <summary>Requires a client with any rights, and with these server rights.</summary>
    private sealed class RightsRequirement(ServerRights rights) : AuthorizationHandler<RightsRequirement>, IAuthorizationRequirement
    {
        public ServerRights Rights => rights;

        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RightsRequirement requirement)
        {
            if (context.Resource is HttpContext http && RequestClients.Of(http).Identity is { IsAdmitted: true } identity &&
                identity.Server.HasFlag(requirement.Rights))
            {
                context.Succeed(requirement);
            }
            return Task.CompletedTask;
        }
    }
}
