using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Adds the response details that endpoint metadata lacks.</summary>
internal sealed class ResponseFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        var sorted = new OpenApiResponses();
        foreach ((string status, IOpenApiResponse response) in
            operation.Responses!.OrderBy(response => response.Key, StringComparer.Ordinal))
        {
            sorted.Add(status, response);
            var described = (OpenApiResponse)response;

            // HTTP allows no body in a response to HEAD, not even in errors; generated clients would wait for one.
            if (context.ApiDescription.HttpMethod == HttpMethods.Head) described.Content = null;
            if (status == "200" && operation.OperationId == OperationIds.Watch) DescribeEvents(described);
            if (status == "200" && operation.OperationId == OperationIds.Backup) DescribeFile(described);
        }
        operation.Responses = sorted;
    }

    /// <summary>
    /// Describes events as a file, which generated clients expose as a stream. They would read a string to its end, and a watch has none.
    /// </summary>
    private static void DescribeEvents(OpenApiResponse response) =>
        ((OpenApiMediaType)response.Content![EventStream.ContentType]).Schema =
            new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" };

    private static void DescribeFile(OpenApiResponse response) => response.Headers = new Dictionary<string, IOpenApiHeader>
    {
        ["ETag"] = Headers.Version(),
        ["Content-Length"] = Headers.Length("The length of the file in bytes."),
        ["Content-Disposition"] = Headers.FileName(),
    };
}
