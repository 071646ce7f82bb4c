using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Describes parameters as people write them, not as the handlers have them.</summary>
internal sealed class KeyParameterFilter : IParameterFilter
{
    public void Apply(IOpenApiParameter parameter, ParameterFilterContext context)
    {
        // It can't have its name by an attribute, which would say that it is in the query, or in the path, always.
        if (parameter is OpenApiParameter { Name: nameof(KeyRequest.Key) } key) key.Name = "key";

        // Read by Seconds.
        if (parameter is OpenApiParameter { Name: "ttl" or "expires_at" or "bookmark_interval", Schema: OpenApiSchema seconds })
            (seconds.Type, seconds.Format) = (JsonSchemaType.Number, "double");
    }
}
