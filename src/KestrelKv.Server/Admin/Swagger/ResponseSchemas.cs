using KestrelKv.Protocol;
using Microsoft.AspNetCore.Mvc;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Marks the required members of responses, and allows later versions to add members.</summary>
internal sealed class ResponseSchemas : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema { Properties: { } members } described) return;
        if (context.Type == typeof(ProblemDetails)) DescribeProblem(described);
        else described.Required = members.Where(member => !IsOptional(context.Type, member.Key, member.Value)).Select(member => member.Key).ToHashSet();
        described.AdditionalPropertiesAllowed = true;

        if (context.Type == typeof(BatchResponse) && members["results"] is OpenApiSchema results) results.Items = Schemas.AnyObject();
    }

    /// <summary>
    /// Whether a member is omitted if it has no value. A member of any JSON type is: null is one of its values. The prefixes of a page
    /// are omitted without a delimiter.
    /// </summary>
    private static bool IsOptional(Type type, string name, IOpenApiSchema member) =>
        member is OpenApiSchema { Type: null } || (type == typeof(KeyPage) && name == "prefixes");

    private static void DescribeProblem(OpenApiSchema problem)
    {
        problem.Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "The URL of a page about the status." },
            ["title"] = new OpenApiSchema
            {
                Type = JsonSchemaType.String, Description = "A summary that is the same for all errors with this code.",
            },
            ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32", Description = "The HTTP status." },
            ["detail"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "The cause of the error and the expected value." },
            ["code"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = Codes() },
            ["index"] = Number("int32", "The zero-based index of the rejected operation of a batch."),
            ["version"] = Number("int64", "The version of the entry or of the store."),
            ["oldest_version"] = Number("int64", "The oldest version that a watch can start from."),
        };
        problem.Required = new HashSet<string> { "title", "status", "detail", "code" };
    }

    private static OpenApiSchema Number(string format, string description) =>
        new() { Type = JsonSchemaType.Integer, Format = format, Description = description };

    /// <summary>Lists the codes as text. With an enumeration, clients would fail on codes that later versions add.</summary>
    private static string Codes()
    {
        IEnumerable<string> byStatus = Enum.GetValues<ErrorCode>().Where(code => code != ErrorCode.None)
            .GroupBy(ErrorCodes.Status).OrderBy(codes => codes.Key)
            .Select(codes => $"- {codes.Key}: {string.Join(", ", codes.Select(code => $"`{ErrorCodes.Text(code)}`"))}");
        return $"The machine-readable error code. Later versions may add codes.\n\n{string.Join('\n', byStatus)}";
    }
}
