using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Sets up the OpenAPI document of the admin HTTP API and the Swagger UI page.</summary>
internal static class SwaggerSetup
{
    public static void AddSwagger(this IServiceCollection services)
    {
        services.AddEndpointsApiExplorer();
        services.AddSwaggerGen(swagger =>
        {
            swagger.SwaggerDoc("v1", new OpenApiInfo
            {
                Title = "KestrelKv",
                Version = "v1",
                Description =
                    "Inspect and edit the store that port 4444 serves. Values are JSON texts and are returned byte for byte. " +
                    "The ETag of a key is the version of its last change.",
            });
            IncludeDescriptions(swagger);
            swagger.SupportNonNullableReferenceTypes();

            // Filters run in this order; later filters use the ids and parameters that earlier filters set.
            swagger.OperationFilter<OperationIds>();
            swagger.OperationFilter<ParametersFilter>();
            swagger.OperationFilter<KeyOperationFilter>();
            swagger.OperationFilter<BatchOperationFilter>();
            swagger.OperationFilter<ResponseFilter>();
            swagger.OperationFilter<Examples>();
            swagger.SchemaFilter<ResponseSchemas>();
            swagger.DocumentFilter<TagFilter>();
        });
    }

    /// <summary>Adds the compiler's documentation file if it exists; images are often built without it.</summary>
    private static void IncludeDescriptions(SwaggerGenOptions swagger)
    {
        string file = Path.Combine(AppContext.BaseDirectory, $"{typeof(SwaggerSetup).Assembly.GetName().Name}.xml");
        if (File.Exists(file)) swagger.IncludeXmlComments(file);
    }

    /// <summary>
    /// Serves the page. The page is built on the first request, because its run-time code generation would delay the start.
    /// </summary>
    public static void MapSwaggerUI(this WebApplication app) => app.Use(next =>
    {
        var page = new Lazy<RequestDelegate>(() => BuildPage(app, next));
        return context => context.Request.Path.StartsWithSegments("/swagger") ? page.Value(context) : next(context);
    });

    private static RequestDelegate BuildPage(IApplicationBuilder app, RequestDelegate next)
    {
        IApplicationBuilder pipeline = app.New();
        pipeline.UseSwagger(swagger => swagger.PreSerializeFilters.Add(AddServer));
        pipeline.UsePluginFiles();
        pipeline.UseSwaggerUI(page =>
        {
            page.DocumentTitle = "KestrelKv";
            page.SwaggerEndpoint("v1/swagger.json", "KestrelKv v1");
            page.DisplayRequestDuration();
            page.UsePlugins();
        });
        pipeline.Run(next);
        return pipeline.Build();
    }

    /// <summary>Sets the server address to that of the request; generated clients use it as their default.</summary>
    private static void AddServer(OpenApiDocument document, HttpRequest request) =>
        document.Servers = [new OpenApiServer { Url = $"{request.Scheme}://{request.Host}{request.PathBase}" }];
}
