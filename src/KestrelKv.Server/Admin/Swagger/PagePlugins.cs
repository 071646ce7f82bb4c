using Microsoft.Extensions.FileProviders;
using Swashbuckle.AspNetCore.SwaggerUI;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>
/// Adds plugins to Swagger UI that show the exact text of values and stream the events of watches.
/// The scripts are in the folder <c>Page</c>; each defines one plugin.
/// </summary>
internal static class PagePlugins
{
    private const string Folder = "page";

    /// <summary>The script files and their plugins, from the innermost wrapper to the outermost.</summary>
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
        // Browsers must revalidate scripts, because a server update can change them.
        OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache",
    });
}
