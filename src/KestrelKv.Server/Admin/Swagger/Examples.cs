using System.Globalization;
using System.Text.Json.Nodes;
using KestrelKv.Protocol;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Adds examples to responses; the handlers' types carry none.</summary>
internal sealed class Examples : IOperationFilter
{
    private const string Events =
        """
        retry: 1000
        id: 4
        event: bookmark
        data: {"version": 4, "changes": []}

        id: 5
        event: changes
        data: {"version": 5, "changes": [{"version": 5, "kind": "put", "obj": "user:1", "val": {"name": "Ada", "visits": 1}, "expires_at": null}]}

        """;

    /// <summary>The value of the key in all examples.</summary>
    public static JsonNode Value => new JsonObject { ["name"] = "Ada", ["visits"] = 1 };

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        IList<object> metadata = context.ApiDescription.ActionDescriptor.EndpointMetadata;
        foreach ((string status, IOpenApiResponse response) in operation.Responses!)
        {
            // A response without a type is a value.
            if (BodyOf(response, "application/json") is { Schema: OpenApiSchema { Type: null, Properties: null } } value) value.Example = Value;
            if (BodyOf(response, EventStream.ContentType) is { } events) events.Example = Events;
            if (BodyOf(response, "application/problem+json") is { } problem)
                problem.Example = ProblemOf(int.Parse(status, CultureInfo.InvariantCulture), metadata);
        }
    }

    private static OpenApiMediaType? BodyOf(IOpenApiResponse response, string type) =>
        response.Content?.TryGetValue(type, out IOpenApiMediaType? body) == true ? (OpenApiMediaType)body : null;

    private static JsonObject? ProblemOf(int status, IList<object> metadata)
    {
        ErrorCode code = metadata.OfType<Refusals>().SelectMany(refusals => refusals.Codes).FirstOrDefault(code => ErrorCodes.Status(code) == status);
        if (status == StatusCodes.Status400BadRequest) code = Refused(metadata);
        if (code == ErrorCode.None) return null;
        return new()
        {
            ["title"] = ErrorCodes.Title(code), ["status"] = status, ["detail"] = DetailOf(code), ["code"] = ErrorCodes.Text(code),
        };
    }

    /// <summary>Returns an error that any request with a key, or any request without one, can cause.</summary>
    private static ErrorCode Refused(IList<object> metadata) =>
        metadata.OfType<FunctionCall>().Any(call => call.KeyPlace != KeyPlace.None) ? ErrorCode.InvalidKey : ErrorCode.UnknownParameter;

    private static string DetailOf(ErrorCode code) => code switch
    {
        ErrorCode.InvalidKey => "the key is empty",
        ErrorCode.UnknownParameter => "\"prefx\" is unknown",
        ErrorCode.NotFound => "the key does not exist",
        ErrorCode.PathNotFound => "the path does not exist in the value",
        ErrorCode.PreconditionFailed => ProtocolError.PreconditionFailed(version: 5).Message,
        ErrorCode.Compacted => "the changes from version 1 on are no longer kept (Data:HistoryBytes, Data:HistoryTime); the oldest kept version is 5",
        ErrorCode.CrossOrigin => "the request comes from a page of another site, expected the same origin",
        ErrorCode.UnsupportedPatch => $"the Content-Type is text/plain, expected {KeyEndpoints.MergePatchType} or {KeyEndpoints.JsonPatchType}",
        ErrorCode.UnsupportedEncoding => "the Content-Encoding is gzip, expected an uncompressed body",
        ErrorCode.ValueTooLong => "the value would exceed the maximum length (Limits:FrameBytesMax)",
        ErrorCode.FrameTooLong => "the body is too long, expected at most 16777216 bytes (Limits:FrameBytesMax)",
        ErrorCode.RequestIdReused => "the request id was recently used for a different request (Store:RequestIdWindow)",
        ErrorCode.NoDataDirectory => "the server has no data directory, because the setting KestrelKv:Data:Durability is Memory",
        ErrorCode.MemoryFull => ProtocolError.MemoryFull.Message,
        ErrorCode.DiskFull => ProtocolError.DiskFull.Message,
        ErrorCode.DiskFailed => ProtocolError.DiskFailed.Message,
        _ => ErrorCodes.Title(code),
    };
}
