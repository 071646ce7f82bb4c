using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Spells the parameter of the query as people write it, not as <see cref="KeyRequest.Key"/> is spelled.</summary>
internal sealed class KeyParameterFilter : IParameterFilter
{
    public void Apply(IOpenApiParameter parameter, ParameterFilterContext context)
    {
        // It can't have its name by an attribute, which would say that it is in the query, or in the path, always.
        if (parameter is OpenApiParameter { Name: nameof(KeyRequest.Key) } key) key.Name = "key";
    }
}
