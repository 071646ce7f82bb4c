using System.Globalization;
using System.Text.Json.Nodes;
using KestrelKv.Protocol;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Shows what answers look like, which the types of the handlers do not tell.</summary>
internal sealed class Examples : IOperationFilter, ISchemaFilter
{
    private const string Events =
        """
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
        foreach ((string status, IOpenApiResponse response) in operation.Responses!)
        {
            if (context.ApiDescription.HttpMethod == HttpMethods.Head && status == "200") ((OpenApiResponse)response).Content = null;

            // An answer without a type is a value.
            if (BodyOf(response, "application/json") is { Schema: OpenApiSchema { Type: null, Properties: null } } value) value.Example = Value;
            if (BodyOf(response, EventStream.ContentType) is { } events) events.Example = Events;
            if (BodyOf(response, "application/problem+json") is { } problem)
                problem.Example = ProblemOf(int.Parse(status, CultureInfo.InvariantCulture));
        }
    }

    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (context.Type == typeof(ProblemDetails) && schema is OpenApiSchema problem)
            problem.Properties!["code"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "What programs tell errors apart by." };
    }

    private static OpenApiMediaType? BodyOf(IOpenApiResponse response, string type) =>
        response.Content?.TryGetValue(type, out IOpenApiMediaType? body) == true ? (OpenApiMediaType)body : null;

    private static JsonObject ProblemOf(int status)
    {
        (string code, string detail) = status switch
        {
            StatusCodes.Status403Forbidden => ("cross_origin", "a page of another site may not ask for this"),
            StatusCodes.Status404NotFound => ("not_found", "there is no such key"),
            StatusCodes.Status409Conflict => (ErrorCodes.Text(ErrorCode.PathNotFound), "there is nothing in the value at this path"),
            StatusCodes.Status410Gone =>
                (ErrorCodes.Text(ErrorCode.Compacted),
                    "the changes from version 1 on are no longer kept, the oldest ones are those of version 5"),
            StatusCodes.Status412PreconditionFailed => ("precondition_failed", "the precondition does not hold: the entry has version 5"),
            StatusCodes.Status413PayloadTooLarge => ("invalid_request", "Request body too large."),
            StatusCodes.Status415UnsupportedMediaType => ("unsupported_patch",
                $"the Content-Type is text/plain, expected {KeyEndpoints.MergePatchType} or {KeyEndpoints.JsonPatchType}"),
            StatusCodes.Status422UnprocessableEntity =>
                (ErrorCodes.Text(ErrorCode.RequestIdReused), "the request id was used for another write shortly before"),
            StatusCodes.Status503ServiceUnavailable => (ErrorCodes.Text(ErrorCode.DiskFailed), ProtocolError.DiskFailed.Message),
            StatusCodes.Status507InsufficientStorage => (ErrorCodes.Text(ErrorCode.MemoryFull), ProtocolError.MemoryFull.Message),
            _ => (ErrorCodes.Text(ErrorCode.InvalidKey), "the key is empty"),
        };
        return new() { ["title"] = ReasonPhrases.GetReasonPhrase(status), ["status"] = status, ["detail"] = detail, ["code"] = code };
    }
}
