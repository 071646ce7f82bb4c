using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>
/// Says of an endpoint that its body is any JSON value, for the description alone: the framework's own metadata would
/// refuse bodies that are labelled otherwise, as <c>curl -d</c> labels them.
/// </summary>
internal sealed class JsonBody
{
    public static readonly JsonBody Any = new();
}

/// <summary>Describes the body of the endpoints that have a <see cref="JsonBody"/>.</summary>
internal sealed class JsonBodyFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (!context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<JsonBody>().Any()) return;
        operation.RequestBody = new OpenApiRequestBody
        {
            Description = "The value: any JSON text.",
            Required = true,
            Content = new Dictionary<string, IOpenApiMediaType>
            {
                ["application/json"] = new OpenApiMediaType
                {
                    Schema = new OpenApiSchema(),
                    Example = ResponseFilter.Value,
                },
            },
        };
    }
}
