using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Describes single-key operations: the bodies of PUT and PATCH, and the version and expiry headers.</summary>
/// <remarks>
/// Endpoint metadata would make the framework reject bodies with any other Content-Type, such as the one that <c>curl -d</c> sends.
/// </remarks>
internal sealed class KeyOperationFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (operation.Parameters?.Any(parameter => parameter.Name == "If-Match") != true) return;

        string? method = context.ApiDescription.HttpMethod;
        if (method == HttpMethods.Put) operation.RequestBody = AnyJson();
        if (method == HttpMethods.Patch) operation.RequestBody = AnyPatch();
        foreach ((string status, IOpenApiResponse response) in operation.Responses!)
        {
            bool hasVersion = status is "200" or "201" or "304" || (status == "204" && method != HttpMethods.Delete);
            if (!hasVersion) continue;
            var headers = new Dictionary<string, IOpenApiHeader>
            {
                ["ETag"] = Headers.Version(), [KeyEndpoints.ExpiresAtHeader] = Headers.Expiry(),
            };
            if (status == "200") headers["Content-Length"] = Headers.Length("The length of the value in bytes.");
            ((OpenApiResponse)response).Headers = headers;
        }
    }

    private static OpenApiRequestBody AnyJson() => new()
    {
        Description = "The value: any JSON text.",
        Required = true,
        Content = new Dictionary<string, IOpenApiMediaType>
        {
            ["application/json"] = new OpenApiMediaType { Schema = new OpenApiSchema(), Example = Examples.Value },
        },
    };

    private static OpenApiRequestBody AnyPatch() => new()
    {
        Description = "The patch.",
        Required = true,
        Content = new Dictionary<string, IOpenApiMediaType>
        {
            [KeyEndpoints.MergePatchType] = new OpenApiMediaType
            {
                Schema = new OpenApiSchema(),
                Example = new JsonObject { ["visits"] = 2 },
            },
            [KeyEndpoints.JsonPatchType] = new OpenApiMediaType
            {
                Schema = new OpenApiSchema { Type = JsonSchemaType.Array, Items = Schemas.AnyObject() },
                Example = new JsonArray(new JsonObject { ["op"] = "replace", ["path"] = "/visits", ["value"] = 2 }),
            },
        },
    };
}
