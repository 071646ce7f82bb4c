using KestrelKv.Protocol;
using Microsoft.AspNetCore.Mvc;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Says which members responses always have, and that later versions may add some.</summary>
internal sealed class ResponseSchemas : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema { Properties: { } members } described) return;
        if (context.Type == typeof(ProblemDetails)) DescribeProblem(described);
        else described.Required = members.Where(member => !IsOptional(member.Value)).Select(member => member.Key).ToHashSet();
        described.AdditionalPropertiesAllowed = true;

        if (context.Type == typeof(BatchResponse) && members["results"] is OpenApiSchema results) results.Items = Schemas.AnyObject();
    }

    /// <summary>Any JSON may be null, so that null cannot stand for no value: the member is left out.</summary>
    private static bool IsOptional(IOpenApiSchema member) => member is OpenApiSchema { Type: null };

    private static void DescribeProblem(OpenApiSchema problem)
    {
        problem.Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "A page about the status." },
            ["title"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "What all errors of this code have in common." },
            ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32", Description = "The HTTP status." },
            ["detail"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "What was wrong, and what was expected." },
            ["code"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = Codes() },
            ["index"] = Number("int32", "Which operation of a batch was refused, counted from 0."),
            ["version"] = Number("int64", "The version of the entry, or of the store."),
            ["oldest_version"] = Number("int64", "The oldest version that a watch can begin with."),
        };
        problem.Required = new HashSet<string> { "title", "status", "detail", "code" };
    }

    private static OpenApiSchema Number(string format, string description) =>
        new() { Type = JsonSchemaType.Integer, Format = format, Description = description };

    /// <summary>Not an enumeration, which would have clients fail on a code that a later version adds.</summary>
    private static string Codes()
    {
        IEnumerable<string> byStatus = Enum.GetValues<ErrorCode>().Where(code => code != ErrorCode.None)
            .GroupBy(ErrorCodes.Status).OrderBy(codes => codes.Key)
            .Select(codes => $"- {codes.Key}: {string.Join(", ", codes.Select(code => $"`{ErrorCodes.Text(code)}`"))}");
        return $"The error, for programs. Later versions may add codes.\n\n{string.Join('\n', byStatus)}";
    }
}
