using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Describes the groups of endpoints and sorts the endpoints by group.</summary>
internal sealed class TagFilter : IDocumentFilter
{
    public const string Keys = "Keys";
    public const string KeysByQuery = "Keys by query";
    public const string Batches = "Batches";
    public const string Feed = "Feed";
    public const string Data = "Data";
    public const string Server = "Server";

    /// <summary>The groups in page order, the most used first.</summary>
    private static readonly (string Name, string Description)[] Ordered =
    [
        (Keys, "The key is part of the path."),
        (KeysByQuery, "The same operations with the key as a query parameter, which allows any character in the key."),
        (Batches, "Several operations in one request. A batch is atomic."),
        (Feed, "Retained past changes, and new changes as they are committed."),
        (Data, "Snapshots of the whole store. To restore one, stop the server and run `KestrelKv.Server restore FILE`."),
        (Server, "Server statistics. See also /health/live, /health/ready and, for Prometheus, /metrics."),
    ];

    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
    {
        foreach (OpenApiTag tag in swaggerDoc.Tags!) tag.Description = Ordered[PlaceOf(tag.Name)].Description;
        swaggerDoc.Tags = swaggerDoc.Tags.OrderBy(tag => PlaceOf(tag.Name)).ToHashSet();

        var paths = new OpenApiPaths();
        foreach ((string path, IOpenApiPathItem item) in swaggerDoc.Paths
            .OrderBy(path => PlaceOf(TagOf(path.Value)))
            .ThenByDescending(path => path.Key.Contains('{', StringComparison.Ordinal)))
        {
            paths.Add(path, item);
        }
        swaggerDoc.Paths = paths;
    }

    private static int PlaceOf(string? tag) => Array.FindIndex(Ordered, each => each.Name == tag);

    private static string? TagOf(IOpenApiPathItem item) => item.Operations!.Values.First().Tags!.First().Name;
}
