using System.Text.Json.Nodes;
using KestrelKv.Protocol;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>
/// Describes the request bodies of batches and calls, which use the wire format. <see cref="KeyOperationFilter"/> explains why
/// endpoint metadata does not describe them.
/// </summary>
internal sealed class BatchOperationFilter : IOperationFilter
{
    private static readonly Function[] OfBatches =
        [Function.Get, Function.Put, Function.Delete, Function.Patch, Function.Incr, Function.Expire];

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        switch (operation.OperationId)
        {
            case OperationIds.Batch:
                operation.RequestBody = Schemas.Body(
                    "The operations, with the same parameters as in the wire protocol.", BatchSchema(), BatchExample());
                break;
            case OperationIds.Call:
                operation.RequestBody = Schemas.Body(
                    "A request of the wire protocol. `HELP` lists the functions and their parameters. The optional members `id` and `trace` are those of the wire.",
                    OperationSchema(new() { Type = JsonSchemaType.String }),
                    Operation("INCR", new() { ["obj"] = "users" }));
                break;
        }
    }

    private static OpenApiSchema BatchSchema() => Schemas.Object(
        ("ops", new OpenApiSchema { Type = JsonSchemaType.Array, MinItems = 1, MaxItems = 1_000, Items = OperationSchema(NameOf(OfBatches)) }));

    /// <summary>
    /// Omits optional members: generated clients send null for unset members, and the wire protocol rejects null.
    /// </summary>
    private static OpenApiSchema OperationSchema(OpenApiSchema function) =>
        Schemas.Object(("func", function), ("params", Schemas.AnyObject()));

    private static OpenApiSchema NameOf(IEnumerable<Function> functions) => new()
    {
        Type = JsonSchemaType.String,
        Enum = [.. functions.Select(function => JsonValue.Create(Functions.Of(function).Name))],
    };

    /// <summary>Succeeds whether or not the keys exist, and can be repeated.</summary>
    private static JsonObject BatchExample() => new()
    {
        ["ops"] = new JsonArray(
            Operation("PUT", new() { ["obj"] = "user:2", ["val"] = new JsonObject { ["name"] = "Grace" }, ["ttl"] = 3600 }),
            Operation("INCR", new() { ["obj"] = "users", ["by"] = 1 }),
            Operation("GET", new() { ["obj"] = "user:1" })),
    };

    private static JsonObject Operation(string function, JsonObject parameters) => new() { ["func"] = function, ["params"] = parameters };
}
