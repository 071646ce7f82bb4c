using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>The description of the admin HTTP, and the page that shows it.</summary>
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
                    "Look into the store that port 4444 serves. Values are JSON texts, given back byte for byte; " +
                    "the ETag of a key is the version of its last change.",
            });
            IncludeDescriptions(swagger);
            swagger.SupportNonNullableReferenceTypes();

            // Filters run in this order: the next ones look at ids and parameters.
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

    /// <summary>Images are often stripped of the compiler's documentation file: then the page lacks descriptions.</summary>
    private static void IncludeDescriptions(SwaggerGenOptions swagger)
    {
        string file = Path.Combine(AppContext.BaseDirectory, $"{typeof(SwaggerSetup).Assembly.GetName().Name}.xml");
        if (File.Exists(file)) swagger.IncludeXmlComments(file);
    }

    /// <summary>
    /// The page is put together when somebody first asks for it: it takes code that is compiled at run time, for which no
    /// start should wait.
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

    /// <summary>Generated clients call the address that the description was read from, if they are given no other.</summary>
    private static void AddServer(OpenApiDocument document, HttpRequest request) =>
        document.Servers = [new OpenApiServer { Url = $"{request.Scheme}://{request.Host}{request.PathBase}" }];
}
