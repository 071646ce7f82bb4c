using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Sets operation ids. Client generators derive method names from them, so a published id must not change.</summary>
internal sealed class OperationIds : IOperationFilter
{
    public const string Batch = "executeBatch";
    public const string Call = "call";
    public const string Watch = "watch";
    public const string Backup = "getBackup";

    private static readonly Dictionary<string, string> Names = new()
    {
        ["GET v1/keys"] = "listKeys",
        ["GET v1/count"] = "countKeys",
        ["POST v1/batch"] = Batch,
        ["POST v1/call"] = Call,
        ["GET v1/watch"] = Watch,
        ["GET v1/stats"] = "getStats",
        ["POST v1/admin/snapshot"] = "takeSnapshot",
        ["GET v1/admin/backup"] = Backup,
    };

    public void Apply(OpenApiOperation operation, OperationFilterContext context) =>
        operation.OperationId = IdOf(context.ApiDescription.HttpMethod!, context.ApiDescription.RelativePath!.TrimEnd('/'));

    private static string IdOf(string method, string path) => path switch
    {
        _ when path.StartsWith("v1/keys/{", StringComparison.Ordinal) => method.ToLowerInvariant() + "Key",
        "v1/key" => method.ToLowerInvariant() + "KeyByQuery",
        _ => Names[$"{method} {path}"],
    };
}
