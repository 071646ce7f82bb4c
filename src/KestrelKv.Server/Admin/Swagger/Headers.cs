using Microsoft.OpenApi;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Creates descriptions of response headers.</summary>
internal static class Headers
{
    public static OpenApiHeader Version() => new()
    {
        Description = "The version, in quotes.",
        Required = true,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        Example = "\"5\"",
    };

    public static OpenApiHeader Expiry() => new()
    {
        Description = "The expiry as Unix time in seconds. The header is absent if the entry does not expire.",
        Schema = new OpenApiSchema { Type = JsonSchemaType.Number, Format = "double" },
        Example = 1893456000.5,
    };

    public static OpenApiHeader Length(string description) => new()
    {
        Description = description,
        Required = true,
        Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64" },
    };

    public static OpenApiHeader FileName() => new()
    {
        Description = "The name of the file.",
        Required = true,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        Example = "attachment; filename=\"kestrelkv-5.snapshot\"",
    };
}
