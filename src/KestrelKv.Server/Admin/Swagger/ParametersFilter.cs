using KestrelKv.Protocol;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Describes endpoint parameters from the function table; handlers read the raw request and declare none.</summary>
internal sealed class ParametersFilter : IOperationFilter
{
    /// <summary>
    /// The values that Swagger UI fills in. Conditions, cursors, paths and expiries have none because they would restrict the results of
    /// the other examples. Versions have none because the history of an old version may have been removed.
    /// </summary>
    private static readonly Dictionary<string, System.Text.Json.Nodes.JsonNode> Examples = new()
    {
        [FunctionCall.Key] = "user:1",
        ["prefix"] = "user:",
        ["limit"] = 100,
        ["values"] = true,
    };

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<FunctionCall>().SingleOrDefault() is { } call)
            operation.Parameters = [.. Parameters(call)];
    }

    private static IEnumerable<OpenApiParameter> Parameters(FunctionCall call)
    {
        if (call.KeyPlace != KeyPlace.None)
        {
            ParameterLocation location = call.KeyPlace == KeyPlace.Path ? ParameterLocation.Path : ParameterLocation.Query;
            OpenApiParameter key = Parameter(
                FunctionCall.Key, location, "The key. It must be percent-encoded in a URL; this page encodes it.");
            key.Required = true;
            yield return key;
        }
        if (call.IsConditional)
        {
            yield return Parameter("If-Match", ParameterLocation.Header,
                "Requires the version to be in this list, such as \"5\", or, with *, the key to exist. Otherwise the status is 412.");
            yield return Parameter("If-None-Match", ParameterLocation.Header,
                "Requires the version not to be in this list, or, with *, the key not to exist. Otherwise the status is 412, " +
                "or 304 for GET and HEAD.");
        }
        foreach (ParameterInfo parameter in call.Query)
            yield return Parameter(parameter.Name, ParameterLocation.Query, Sentence(parameter.Summary), TypeOf(parameter));
        if (call.TakesIdempotencyKey)
        {
            yield return Parameter(FunctionCall.IdempotencyKey, ParameterLocation.Header,
                "A unique id of this write. A retry with the same id within Store:RequestIdWindow is not executed; " +
                "it returns the first result.");
        }
        if (call.Function.Function == Function.Watch)
        {
            yield return Parameter(FunctionCall.LastEventId, ParameterLocation.Header,
                "The id of the last event that the client received. The stream resumes after it.");
        }
    }

    private static OpenApiParameter Parameter(
        string name, ParameterLocation location, string description, JsonSchemaType type = JsonSchemaType.String) => new()
    {
        Name = name,
        In = location,
        Description = description,
        Schema = new OpenApiSchema { Type = type, Format = FormatOf(type) },
        Example = Examples.GetValueOrDefault(name)?.DeepClone(),
    };

    private static JsonSchemaType TypeOf(ParameterInfo parameter) => parameter.Type switch
    {
        _ when parameter.Name is "limit" or "from_version" => JsonSchemaType.Integer,
        "boolean" => JsonSchemaType.Boolean,
        "number" or "number or null" => JsonSchemaType.Number,
        _ => JsonSchemaType.String,
    };

    private static string? FormatOf(JsonSchemaType type) => type switch
    {
        JsonSchemaType.Integer => "int64",
        JsonSchemaType.Number => "double",
        _ => null,
    };

    private static string Sentence(string summary) => $"{char.ToUpperInvariant(summary[0])}{summary[1..]}.";
}
