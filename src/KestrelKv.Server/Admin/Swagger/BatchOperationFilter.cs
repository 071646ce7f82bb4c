using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Describes the bodies of batches and calls; here for the reason that <see cref="KeyOperationFilter"/> gives.</summary>
internal sealed class BatchOperationFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        operation.RequestBody = context.ApiDescription.RelativePath switch
        {
            "v1/batch" => Body(
                "The operations: `GET`, `PUT`, `DELETE`, `PATCH`, `INCR` and `EXPIRE`, with the parameters that they have on the wire.",
                Schema(), Example()),
            "v1/call" => Body("The request, as on the wire.", CallSchema(), Operation("INCR", new() { ["obj"] = "users" })),
            _ => operation.RequestBody,
        };
    }

    private static OpenApiRequestBody Body(string description, OpenApiSchema schema, JsonNode example) => new()
    {
        Description = description,
        Required = true,
        Content = new Dictionary<string, IOpenApiMediaType>
        {
            ["application/json"] = new OpenApiMediaType { Schema = schema, Example = example },
        },
    };

    private static OpenApiSchema CallSchema() => Object(
        ("func", new OpenApiSchema { Type = JsonSchemaType.String }),
        ("params", new OpenApiSchema { Type = JsonSchemaType.Object }));

    private static OpenApiSchema Schema() => Object(
        ("ops", new OpenApiSchema
        {
            Type = JsonSchemaType.Array,
            MinItems = 1,
            MaxItems = 1_000,
            Items = Object(
                ("func", new OpenApiSchema { Type = JsonSchemaType.String }),
                ("params", new OpenApiSchema { Type = JsonSchemaType.Object })),
        }));

    private static OpenApiSchema Object(params (string Name, OpenApiSchema Schema)[] members) => new()
    {
        Type = JsonSchemaType.Object,
        Properties = members.ToDictionary(member => member.Name, member => (IOpenApiSchema)member.Schema),
        Required = members.Select(member => member.Name).ToHashSet(),
    };

    /// <summary>Works whether the keys are there or not, and as often as one likes.</summary>
    private static JsonObject Example() => new()
    {
        ["ops"] = new JsonArray(
            Operation("PUT", new() { ["obj"] = "user:2", ["val"] = new JsonObject { ["name"] = "Grace" }, ["ttl"] = 3600 }),
            Operation("INCR", new() { ["obj"] = "users", ["by"] = 1 }),
            Operation("GET", new() { ["obj"] = "user:1" })),
    };

    private static JsonObject Operation(string function, JsonObject parameters) => new() { ["func"] = function, ["params"] = parameters };
}
