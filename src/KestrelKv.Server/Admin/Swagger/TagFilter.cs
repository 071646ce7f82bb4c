using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Describes the groups of endpoints.</summary>
internal sealed class TagFilter : IDocumentFilter
{
    public const string Keys = "Keys";
    public const string KeysByQuery = "Keys by query";
    public const string Batches = "Batches";
    public const string Feed = "Feed";
    public const string Data = "Data";
    public const string Server = "Server";

    private static readonly Dictionary<string, string> Descriptions = new()
    {
        [Keys] = "The key is part of the path: short to type.",
        [KeysByQuery] = "The same with the key as a parameter: for any key at all, whatever characters it has.",
        [Batches] = "Many operations, all of them or none.",
        [Feed] = "Every change as it happens, and those before, as far as they are kept.",
        [Data] = "Snapshots of all there is. To restore one, stop the server: KestrelKv.Server restore FILE.",
        [Server] = "The server itself; besides, there are /health/live, /health/ready and, for Prometheus, /metrics.",
    };

    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
    {
        foreach (OpenApiTag tag in swaggerDoc.Tags!) tag.Description = Descriptions[tag.Name!];
    }
}
