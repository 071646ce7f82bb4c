using System.Text.Json.Nodes;
using KestrelKv.Protocol;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>
/// Describes the bodies of batches and calls, which are those of the wire; here for the reason that
/// <see cref="KeyOperationFilter"/> gives.
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
                    "The operations, with the parameters that they have on the wire.", BatchSchema(), BatchExample());
                break;
            case OperationIds.Call:
                operation.RequestBody = Schemas.Body(
                    "A request as on the wire. `HELP` lists the functions with their parameters.", OperationSchema(new() { Type = JsonSchemaType.String }),
                    Operation("INCR", new() { ["obj"] = "users" }));
                break;
        }
    }

    private static OpenApiSchema BatchSchema() => Schemas.Object(
        ("ops", new OpenApiSchema { Type = JsonSchemaType.Array, MinItems = 1, MaxItems = 1_000, Items = OperationSchema(NameOf(OfBatches)) }));

    /// <summary>
    /// Without the members that may be left out: generated clients send null for those that are not set, and the wire refuses null.
    /// </summary>
    private static OpenApiSchema OperationSchema(OpenApiSchema function) => Schemas.Object(("func", function), ("params", Schemas.AnyObject()));

    private static OpenApiSchema NameOf(IEnumerable<Function> functions) => new()
    {
        Type = JsonSchemaType.String,
        Enum = [.. functions.Select(function => JsonValue.Create(Functions.Of(function).Name))],
    };

    /// <summary>Works whether the keys are there or not, and as often as one likes.</summary>
    private static JsonObject BatchExample() => new()
    {
        ["ops"] = new JsonArray(
            Operation("PUT", new() { ["obj"] = "user:2", ["val"] = new JsonObject { ["name"] = "Grace" }, ["ttl"] = 3600 }),
            Operation("INCR", new() { ["obj"] = "users", ["by"] = 1 }),
            Operation("GET", new() { ["obj"] = "user:1" })),
    };

    private static JsonObject Operation(string function, JsonObject parameters) => new() { ["func"] = function, ["params"] = parameters };
}
