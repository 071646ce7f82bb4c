using KestrelKv.Protocol;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Describes the parameters of endpoints by the table of functions: the handlers take the request as a whole.</summary>
internal sealed class ParametersFilter : IOperationFilter
{
    /// <summary>
    /// What Swagger UI fills in. Conditions, cursors, parts and expiries would hide what the other examples show, and the changes of an old
    /// version may no longer be kept.
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
            OpenApiParameter key = Parameter(FunctionCall.Key, location, "The key; in a URL it is percent-encoded, which this page does itself.");
            key.Required = true;
            yield return key;
        }
        if (call.IsConditional)
        {
            yield return Parameter("If-Match", ParameterLocation.Header,
                "Only if the version is one of these, such as \"5\", or, with *, if there is the key; otherwise 412.");
            yield return Parameter("If-None-Match", ParameterLocation.Header,
                "Only if the version is none of these, or, with *, if there is no such key; otherwise 412, or 304 to GET and HEAD.");
        }
        foreach (ParameterInfo parameter in call.Query)
            yield return Parameter(parameter.Name, ParameterLocation.Query, Sentence(parameter.Summary), TypeOf(parameter));
        if (call.TakesIdempotencyKey)
        {
            yield return Parameter(FunctionCall.IdempotencyKey, ParameterLocation.Header,
                "What the client calls this write. Sent again within Store:RequestIdWindow, it is not done again, but answered as the first time.");
        }
        if (call.Function.Function == Function.Watch)
        {
            yield return Parameter(FunctionCall.LastEventId, ParameterLocation.Header,
                "The id of the last event that the client has: the stream continues behind it.");
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
