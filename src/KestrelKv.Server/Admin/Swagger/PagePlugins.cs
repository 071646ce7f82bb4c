using Microsoft.Extensions.FileProviders;
using Swashbuckle.AspNetCore.SwaggerUI;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>
/// The plugins that make Swagger UI show values as the exact text that they are, and watches as they happen.
/// The scripts are in <c>Page</c>; each defines the plugin that it is named after.
/// </summary>
internal static class PagePlugins
{
    private const string Folder = "page";

    /// <summary>The plugins by their files. The first wraps what Swagger UI has, the next ones wrap that.</summary>
    private static readonly (string File, string Plugin)[] All =
    [
        ("exact-text.js", "KestrelKvExactText"),
        ("watch.js", "KestrelKvWatch"),
        ("forms.js", "KestrelKvForms"),
    ];

    public static void UsePlugins(this SwaggerUIOptions page)
    {
        foreach ((string file, _) in All) page.InjectJavascript($"{Folder}/{file}");
        page.ConfigObject.Plugins = [.. All.Select(each => each.Plugin)];
    }

    public static void UsePluginFiles(this IApplicationBuilder pipeline) => pipeline.UseStaticFiles(new StaticFileOptions
    {
        RequestPath = $"/swagger/{Folder}",
        FileProvider = new EmbeddedFileProvider(typeof(PagePlugins).Assembly, $"{typeof(PagePlugins).Namespace}.Page"),
        // Browsers must not keep a script over an update of the server.
        OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache",
    });
}
