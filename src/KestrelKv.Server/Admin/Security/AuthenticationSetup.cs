using KestrelKv.Server.Security;
using KestrelKv.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.IdentityModel.Tokens;

namespace KestrelKv.Server.Admin.Security;

/// <summary>Composes authentication and authorization of the admin HTTP.</summary>
internal static class AuthenticationSetup
{
    /// <summary>The scheme that identifies all clients. It forwards tokens of the OpenID provider.</summary>
    public const string Scheme = "KestrelKv";

    private const string TokenScheme = "OpenID";

    /// <summary>The algorithms with a public key. With others, whoever can check a token can also issue one.</summary>
    private static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    public static void AddAuthentication(this WebApplicationBuilder builder, ServerSettings settings)
    {
        builder.Services.AddSingleton<RequestClients>();
        if (settings.Security.UsersFile.Length == 0) return;

        // ASP.NET Core trusts X-Forwarded-For if the variable ASPNETCORE_FORWARDEDHEADERS_ENABLED is set. Any client can send it.
        builder.Services.PostConfigure<ForwardedHeadersOptions>(options => options.ForwardedHeaders = ForwardedHeaders.None);
        builder.Services.AddSingleton<IAuthorizationMiddlewareResultHandler, AccessRefusals>();
        builder.Services.AddAuthorizationBuilder().SetFallbackPolicy(EndpointAccess.Undeclared);
        OidcOptions oidc = settings.Admin.Oidc;

        // AddAuthentication would also store keys for cookies on disk, and read settings from the section Authentication.
        builder.Services.AddAuthenticationCore();
        builder.Services.AddWebEncoders();
        builder.Services.AddSingleton<IAuthenticationConfigurationProvider, NoConfiguration>();
        var schemes = new AuthenticationBuilder(builder.Services);
        schemes.AddScheme<AuthenticationSchemeOptions, SecretHandler>(Scheme, scheme =>
        {
            if (oidc.Authority.Length > 0) scheme.ForwardDefaultSelector = http => IsToken(http) ? TokenScheme : null;
        });
        if (oidc.Authority.Length == 0) return;
        builder.Services.AddSingleton(services => new TokenEvents(services.GetRequiredService<UserAccess>(), oidc));
        schemes.AddJwtBearer(TokenScheme, jwt => Configure(jwt, oidc));

        // Otherwise a key that the provider has withdrawn would remain valid for an hour.
        builder.Services.PostConfigure<JwtBearerOptions>(
            TokenScheme, jwt => ((BaseConfigurationManager)jwt.ConfigurationManager!).UseLastKnownGoodConfiguration = false);
    }

    private static void Configure(JwtBearerOptions jwt, OidcOptions oidc)
    {
        jwt.Authority = oidc.Authority;
        jwt.Audience = oidc.Audience;
        jwt.RequireHttpsMetadata = oidc.RequireHttps;
        jwt.BackchannelTimeout = TimeSpan.FromSeconds(10);
        jwt.MapInboundClaims = false;
        jwt.SaveToken = false;
        jwt.EventsType = typeof(TokenEvents);
        jwt.TokenValidationParameters.ValidAlgorithms = Algorithms;
        jwt.TokenValidationParameters.ClockSkew = TimeSpan.FromMinutes(1);
    }

    /// <summary>Whether a request has a token of the provider. Tokens that others can read are refused like secrets.</summary>
    private static bool IsToken(HttpContext http) =>
        SecretHandler.BearerOf(http.Request) is { Length: > 0 } token && !token.StartsWith(Secret.Prefix, StringComparison.Ordinal) &&
        (RequestClients.IsPrivate(http) || http.RequestServices.GetRequiredService<UserAccess>().AllowsPlaintext);

    private sealed class NoConfiguration : IAuthenticationConfigurationProvider
    {
        public IConfiguration AuthenticationConfiguration { get; } = new ConfigurationManager();
    }
}
