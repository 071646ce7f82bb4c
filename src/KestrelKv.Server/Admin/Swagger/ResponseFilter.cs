using System.Globalization;
using System.Text.Json.Nodes;
using KestrelKv.Protocol;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Says of an endpoint with which status codes it answers with a key's version as the <c>ETag</c>.</summary>
internal sealed record TellsVersion(params int[] StatusCodes);

/// <summary>Describes what the types of the handlers do not tell: headers, and what answers look like.</summary>
internal sealed class ResponseFilter : IOperationFilter, ISchemaFilter
{
    private const string Problem = "application/problem+json";

    /// <summary>The value of the key in all examples.</summary>
    public static JsonNode Value => new JsonObject { ["name"] = "Ada", ["visits"] = 1 };

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        TellsVersion? version = context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<TellsVersion>().FirstOrDefault();
        foreach ((string text, IOpenApiResponse each) in operation.Responses!)
        {
            var response = (OpenApiResponse)each;
            int status = int.Parse(text, CultureInfo.InvariantCulture);
            if (version?.StatusCodes.Contains(status) == true)
            {
                response.Headers = new Dictionary<string, IOpenApiHeader>
                {
                    ["ETag"] = new OpenApiHeader
                    {
                        Description = "The version, in quotes.",
                        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                        Example = "\"5\"",
                    },
                };
                if (context.ApiDescription.HttpMethod == HttpMethods.Head) response.Content = null;
                else if (BodyOf(response, "application/json") is { } value) value.Example = Value;
            }
            if (BodyOf(response, Problem) is { } problem) problem.Example = ExampleOf(status);
        }
    }

    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (context.Type == typeof(ProblemDetails) && schema is OpenApiSchema problem)
            problem.Properties!["code"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "What programs tell errors apart by." };
    }

    private static OpenApiMediaType? BodyOf(OpenApiResponse response, string type) =>
        response.Content?.TryGetValue(type, out IOpenApiMediaType? body) == true ? (OpenApiMediaType)body : null;

    private static JsonObject ExampleOf(int status)
    {
        (string? code, string detail) = status switch
        {
            StatusCodes.Status400BadRequest => (ErrorCodes.Text(ErrorCode.InvalidKey), "the key is empty"),
            StatusCodes.Status404NotFound => ("not_found", "there is no such key"),
            StatusCodes.Status412PreconditionFailed => ("precondition_failed", "the key's version is 5"),
            StatusCodes.Status413PayloadTooLarge => (null, "Request body too large."),
            _ => (null, "what was wrong, in a sentence"),
        };
        var example = new JsonObject { ["title"] = ReasonPhrases.GetReasonPhrase(status), ["status"] = status, ["detail"] = detail };
        if (code is not null) example["code"] = code;
        return example;
    }
}
