using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Describes the operations on one key: the bodies of PUT and PATCH, and the version and the expiry that answers tell.</summary>
/// <remarks>
/// The body is described here, and not by the framework's metadata, because that would refuse bodies that are
/// labelled otherwise, as <c>curl -d</c> labels them.
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
            bool tellsVersion = status is "200" or "201" or "304" || (status == "204" && method != HttpMethods.Delete);
            if (!tellsVersion) continue;
            ((OpenApiResponse)response).Headers =
                new Dictionary<string, IOpenApiHeader> { ["ETag"] = Version(), [KeyEndpoints.ExpiresAtHeader] = Expiry() };
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
                Schema = new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.Object } },
                Example = new JsonArray(new JsonObject { ["op"] = "replace", ["path"] = "/visits", ["value"] = 2 }),
            },
        },
    };

    private static OpenApiHeader Version() => new()
    {
        Description = "The version, in quotes.",
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        Example = "\"5\"",
    };

    private static OpenApiHeader Expiry() => new()
    {
        Description = "When the entry expires, as Unix time in seconds; not there where it does not.",
        Schema = new OpenApiSchema { Type = JsonSchemaType.Number },
        Example = 1893456000.5,
    };
}
