using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Describes what the metadata of endpoints does not have of responses.</summary>
internal sealed class ResponseFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        var sorted = new OpenApiResponses();
        foreach ((string status, IOpenApiResponse response) in operation.Responses!.OrderBy(response => response.Key, StringComparer.Ordinal))
        {
            sorted.Add(status, response);
            var described = (OpenApiResponse)response;

            // Generated clients would wait for a body that HTTP does not allow, in errors too.
            if (context.ApiDescription.HttpMethod == HttpMethods.Head) described.Content = null;
            if (status == "200" && operation.OperationId == OperationIds.Watch) DescribeEvents(described);
            if (status == "200" && operation.OperationId == OperationIds.Backup) DescribeFile(described);
        }
        operation.Responses = sorted;
    }

    /// <summary>As a file, which generated clients give out as a stream; a string they would read to an end that it does not have.</summary>
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
