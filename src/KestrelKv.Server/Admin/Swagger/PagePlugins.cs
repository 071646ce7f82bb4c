using Microsoft.Extensions.FileProviders;
using Swashbuckle.AspNetCore.SwaggerUI;

namespace KestrelKv.Server.Admin.Swagger;

/// <summary>
/// Adds plugins to Swagger UI that show the exact text of values and stream the events of watches.
/// The scripts are in the folder <c>Page</c>; each but the last defines one plugin.
/// </summary>
internal static class PagePlugins
{
    private const string Folder = "page";

    /// <summary>The script files. The last one adds the plugins of the others.</summary>
    private static readonly string[] Files = ["exact-text.js", "watch.js", "forms.js", "plugins.js"];

    public static void UsePlugins(this SwaggerUIOptions page)
    {
        foreach (string file in Files) page.InjectJavascript($"{Folder}/{file}");
    }

    public static void UsePluginFiles(this IApplicationBuilder pipeline) => pipeline.UseStaticFiles(new StaticFileOptions
    {
        RequestPath = $"/swagger/{Folder}",
        FileProvider = new EmbeddedFileProvider(typeof(PagePlugins).Assembly, $"{typeof(PagePlugins).Namespace}.Page"),
        // Browsers must revalidate scripts, because a server update can change them.
        OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache",
    });
}
