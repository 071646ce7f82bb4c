using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Schemas that the types of the handlers do not have.</summary>
internal static class Schemas
{
    /// <summary>An object with any members. Without this, generators read an object without any.</summary>
    public static OpenApiSchema AnyObject() => new() { Type = JsonSchemaType.Object, AdditionalProperties = new OpenApiSchema() };

    /// <summary>An object all of whose members must be given.</summary>
    public static OpenApiSchema Object(params (string Name, OpenApiSchema Schema)[] members) => new()
    {
        Type = JsonSchemaType.Object,
        Properties = members.ToDictionary(member => member.Name, member => (IOpenApiSchema)member.Schema),
        Required = members.Select(member => member.Name).ToHashSet(),
    };

    public static OpenApiRequestBody Body(string description, OpenApiSchema schema, JsonNode example) => new()
    {
        Description = description,
        Required = true,
        Content = new Dictionary<string, IOpenApiMediaType>
        {
            ["application/json"] = new OpenApiMediaType { Schema = schema, Example = example },
        },
    };
}
