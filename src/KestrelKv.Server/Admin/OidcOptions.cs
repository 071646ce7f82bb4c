namespace KestrelKv.Server.Admin;

/// <summary>The settings of an OpenID provider. Its tokens are accepted if <see cref="Authority"/> is set.</summary>
public sealed class OidcOptions
{
    /// <summary>The URL of the provider, whose metadata is at <c>/.well-known/openid-configuration</c>. The default is empty: none.</summary>
    public string Authority { get; set; } = "";

    /// <summary>The audience that a token must have. Required if <see cref="Authority"/> is set.</summary>
    public string Audience { get; set; } = "";

    /// <summary>The claim that lists the roles of the users file. The default is <c>roles</c>.</summary>
    public string RolesClaim { get; set; } = "roles";

    /// <summary>Whether the provider's metadata must be served over HTTPS. The default is true.</summary>
    public bool RequireHttps { get; set; } = true;
}
