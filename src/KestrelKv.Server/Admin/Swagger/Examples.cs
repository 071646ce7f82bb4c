using System.Globalization;
using System.Text.Json.Nodes;
using KestrelKv.Protocol;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Shows what responses look like, which the types of the handlers do not have.</summary>
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

    /// <summary>What can be wrong with any request on a key, or without one.</summary>
    private static ErrorCode Refused(IList<object> metadata) =>
        metadata.OfType<FunctionCall>().Any(call => call.KeyPlace != KeyPlace.None) ? ErrorCode.InvalidKey : ErrorCode.UnknownParameter;

    private static string DetailOf(ErrorCode code) => code switch
    {
        ErrorCode.InvalidKey => "the key is empty",
        ErrorCode.UnknownParameter => "\"prefx\" is not known here",
        ErrorCode.NotFound => "there is no such key",
        ErrorCode.PathNotFound => "there is nothing in the value at this path",
        ErrorCode.PreconditionFailed => ProtocolError.PreconditionFailed(version: 5).Message,
        ErrorCode.Compacted => "the changes from version 1 on are no longer kept, the oldest ones are those of version 5",
        ErrorCode.CrossOrigin => "a page of another site may not ask for this",
        ErrorCode.UnsupportedPatch => $"the Content-Type is text/plain, expected {KeyEndpoints.MergePatchType} or {KeyEndpoints.JsonPatchType}",
        ErrorCode.UnsupportedEncoding => "the Content-Encoding is gzip, expected a body that is not compressed",
        ErrorCode.ValueTooLong => "the value would become longer than it may be (Limits:FrameBytesMax)",
        ErrorCode.FrameTooLong => "the body is too long, expected at most 16777216 bytes (Limits:FrameBytesMax)",
        ErrorCode.RequestIdReused => "the request id was used for another write shortly before (Store:RequestIdWindow)",
        ErrorCode.NoDataDirectory => "the server keeps its data in memory alone (Data:Durability)",
        ErrorCode.MemoryFull => ProtocolError.MemoryFull.Message,
        ErrorCode.DiskFull => ProtocolError.DiskFull.Message,
        ErrorCode.DiskFailed => ProtocolError.DiskFailed.Message,
        _ => ErrorCodes.Title(code),
    };
}
