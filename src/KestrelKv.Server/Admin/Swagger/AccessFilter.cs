using KestrelKv.Protocol;
using KestrelKv.Server.Admin.Security;
using KestrelKv.Wire.Security;
using Microsoft.AspNetCore.Authorization;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Describes the rights that each operation needs, if the server has users.</summary>
internal sealed class AccessFilter(AdminOptions admin) : IOperationFilter
{
    public const string Bearer = "bearer";
    public const string Basic = "basic";

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        IList<object> metadata = context.ApiDescription.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<AuthorizationPolicy>().FirstOrDefault() is not { } policy) return;
        operation.Security = [Requirement(Bearer)];
        if (admin.BasicAuthentication) operation.Security.Add(Requirement(Basic));
        string needs = Needs(metadata.OfType<FunctionCall>().SingleOrDefault(), policy);
        operation.Description = $"{operation.Description}\n\n{needs}".TrimStart();
        Describe(operation, "401", "The credentials are missing or not valid.");
        Describe(operation, "403",
            "The user does not have the rights, the credentials were sent without TLS from another machine, or the request comes from a " +
            "page of another site.");

        OpenApiSecurityRequirement Requirement(string scheme) =>
            new() { [new OpenApiSecuritySchemeReference(scheme, context.Document)] = [] };
    }

    private static void Describe(OpenApiOperation operation, string status, string description)
    {
        if (operation.Responses?.TryGetValue(status, out IOpenApiResponse? response) == true) response.Description = description;
    }

    private static string Needs(FunctionCall? call, AuthorizationPolicy policy)
    {
        ServerRights server = EndpointAccess.RightsOf(policy);
        if (server != ServerRights.None) return $"Requires the server right `{server.ToString().ToLowerInvariant()}`.";
        if (call is null) return "Requires the rights that the function requires.";
        Access access = call.Function.Access;
        string rights = access.Rights.ToString().ToLowerInvariant().Replace(", ", "` and `", StringComparison.Ordinal);
        string values = call.Query.Any(parameter => parameter.Name == "values") && !access.Rights.HasFlag(Rights.Read)
            ? ", with `values` also `read`" : "";
        string path = call.Function.Function switch
        {
            Function.Put => ", with `path` also `read`",
            Function.Get => ", with `touch` also `write`",
            _ => "",
        };
        return access.Target switch
        {
            AccessTarget.Key => $"Requires `{rights}` for the key{path}.",
            AccessTarget.Prefix => $"Requires `{rights}` for the prefix{values}.",
            _ => "Requires the rights that each operation requires for its key.",
        };
    }
}
