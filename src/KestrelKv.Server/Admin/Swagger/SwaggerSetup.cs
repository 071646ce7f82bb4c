using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>Sets up the OpenAPI document of the admin HTTP API and the Swagger UI page.</summary>
internal static class SwaggerSetup
{
    /// <summary>Adds the services.</summary>
    /// <param name="services">The services.</param>
    /// <param name="admin">The settings.</param>
    /// <param name="hasUsers">Whether clients authenticate. The page then has the button Authorize.</param>
    public static void AddSwagger(this IServiceCollection services, AdminOptions admin, bool hasUsers)
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
            if (hasUsers)
            {
                swagger.OperationFilter<AccessFilter>();
                AddCredentials(swagger, admin);
            }
            swagger.OperationFilter<Examples>();
            swagger.SchemaFilter<ResponseSchemas>();
            swagger.DocumentFilter<TagFilter>();
        });
    }

    /// <summary>Adds what a user can enter after a click on Authorize. The page forgets it when it is closed or reloaded.</summary>
    private static void AddCredentials(SwaggerGenOptions swagger, AdminOptions admin)
    {
        swagger.AddSecurityDefinition(AccessFilter.Bearer, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = admin.Oidc.Authority.Length == 0
                ? "A secret of a user."
                : "A secret of a user, or a token of the OpenID provider.",
        });
        if (!admin.BasicAuthentication) return;
        swagger.AddSecurityDefinition(AccessFilter.Basic, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http, Scheme = "basic", Description = "The name and a secret of a user.",
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
