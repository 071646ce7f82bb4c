using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Creates schemas that the handlers' types do not provide.</summary>
internal static class Schemas
{
    /// <summary>Returns the schema of an object with arbitrary members. Client generators treat a bare object schema as empty.</summary>
    public static OpenApiSchema AnyObject() => new() { Type = JsonSchemaType.Object, AdditionalProperties = new OpenApiSchema() };

    /// <summary>Returns the schema of an object whose members are all required.</summary>
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
