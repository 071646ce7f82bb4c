using System.Globalization;
using Microsoft.Playwright;

namespace KestrelKv.Server.Tests.Browser;

/// <summary>Swagger UI in a browser, used as a person uses it.</summary>
internal sealed class SwaggerPage
{
    /// <summary>The console message for an error status, which is not an error of the page.</summary>
    private const string RefusedRequest = "Failed to load resource: the server responded with a status of 4";

    private readonly IPage _page;

    private SwaggerPage(IPage page) => _page = page;

    /// <summary>Errors on the browser's console, and exceptions of the page.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>The hosts to which the page sent requests.</summary>
    public HashSet<string> Hosts { get; } = [];

    public string Url => _page.Url;

    /// <summary>Returns the operations by their ids in Swagger UI.</summary>
    public async Task<IReadOnlyList<string>> OperationsAsync() =>
        await _page.Locator(".opblock").EvaluateAllAsync<string[]>("all => all.map(each => each.id)");

    public Task<string> TitleAsync() => _page.TitleAsync();

    /// <summary>Opens the server's root in the shared tab.</summary>
    public static Task<SwaggerPage> OpenAsync(BrowserFixture browser) => OpenAsync(browser.Tab);

    /// <summary>Opens the server's root in another tab. The test must close it.</summary>
    public static async Task<SwaggerPage> OpenInAnotherTabAsync(BrowserFixture browser) => await OpenAsync(await browser.OpenTabAsync());

    /// <summary>Opens the root of another server in another tab. The test must close it.</summary>
    public static async Task<SwaggerPage> OpenInAnotherTabAsync(BrowserFixture browser, Uri server) =>
        await OpenAsync(await browser.OpenTabAsync(), server.ToString());

    private static async Task<SwaggerPage> OpenAsync(IPage tab, string address = "/")
    {
        var swagger = new SwaggerPage(tab);
        swagger._page.Console += (_, message) =>
        {
            if (message.Type == "error" && !message.Text.StartsWith(RefusedRequest, StringComparison.Ordinal)) swagger.Errors.Add(message.Text);
        };
        swagger._page.PageError += (_, error) => swagger.Errors.Add(error);
        swagger._page.Request += (_, request) => swagger.Hosts.Add(new Uri(request.Url).Authority);
        await swagger._page.GotoAsync(address);
        await swagger._page.Locator(".opblock").First.WaitForAsync();
        return swagger;
    }

    /// <summary>
    /// Clicks "Try it out" and "Execute", and returns the response shown. Parameters without a value, a null body and a null type keep
    /// the values of the page.
    /// </summary>
    public async Task<Shown> TryAsync(string operation, Dictionary<string, string>? parameters = null, string? body = null, string? type = null)
    {
        ILocator block = await FillAsync(operation, parameters, body, type);
        await block.Locator(".execute").ClickAsync();

        ILocator response = block.Locator(".live-responses-table tr.response");
        await response.WaitForAsync();
        string status = await response.Locator(".response-col_status").InnerTextAsync();
        ILocator exact = response.Locator(".highlight-code pre");
        return new(
            int.Parse(status.Split('\n')[0], CultureInfo.InvariantCulture),
            status.Contains("Undocumented", StringComparison.Ordinal),
            await response.Locator(".response-col_description").InnerTextAsync(),
            await exact.CountAsync() == 0 ? "" : (await exact.TextContentAsync())!);
    }

    /// <summary>
    /// Clicks "Try it out" and fills in the fields. Closes the other operations, because the page redraws all open ones at each change.
    /// </summary>
    public async Task<ILocator> FillAsync(string operation, Dictionary<string, string>? parameters = null, string? body = null, string? type = null)
    {
        ILocator others = _page.Locator($".opblock.is-open:not([id='{operation}']) .opblock-summary-control");
        while (await others.CountAsync() > 0) await others.First.ClickAsync();

        ILocator block = Block(operation);
        if (await block.Locator(".opblock-body").CountAsync() == 0) await block.Locator(".opblock-summary-control").ClickAsync();
        await block.Locator(".try-out__btn").First.WaitForAsync();

        // On repeated use the operation may already be editable, and shows the earlier response until it is cleared.
        if (await block.Locator(".try-out__btn.cancel").CountAsync() == 0) await block.Locator(".try-out__btn").ClickAsync();
        if (await block.Locator(".live-responses-table").CountAsync() > 0) await block.Locator(".btn-clear").ClickAsync();

        foreach ((string name, string value) in parameters ?? [])
        {
            ILocator field = block.Locator($"tr[data-param-name='{name}']");
            if (await field.Locator("select").CountAsync() > 0) await field.Locator("select").SelectOptionAsync(value);
            else await field.Locator("input").FillAsync(value);
        }
        if (type is not null) await block.Locator(".opblock-section-request-body select.content-type").SelectOptionAsync(type);
        if (body is not null) await block.Locator("textarea.body-param__text").FillAsync(body);
        return block;
    }

    /// <summary>Clicks "Copy" beside a response, and returns the text of the clipboard.</summary>
    public async Task<string> CopyAsync(string operation)
    {
        await Block(operation).Locator(".live-responses-table .copy-to-clipboard button").ClickAsync();
        return await _page.EvaluateAsync<string>("() => navigator.clipboard.readText()");
    }

    /// <summary>Clicks "Download" beside a response, and returns the text of the file.</summary>
    public async Task<string> DownloadAsync(string operation)
    {
        IDownload download = await _page.RunAndWaitForDownloadAsync(
            () => Block(operation).Locator(".live-responses-table .download-contents").ClickAsync());
        return await File.ReadAllTextAsync(await download.PathAsync());
    }

    /// <summary>Indents the view of a response, and returns the text shown.</summary>
    public async Task<string> IndentAsync(string operation)
    {
        ILocator body = Block(operation).Locator(".live-responses-table .highlight-code");
        await body.Locator("input[type=checkbox]").CheckAsync();
        return (await body.Locator("pre").TextContentAsync())!;
    }

    /// <summary>Enters a secret in the dialog of the button Authorize.</summary>
    public async Task AuthorizeAsync(string secret)
    {
        await _page.Locator(".btn.authorize").First.ClickAsync();
        await _page.Locator(".modal-ux input").FillAsync(secret);
        await _page.Locator(".modal-ux .btn.authorize").ClickAsync();
        await _page.Locator(".modal-ux .btn-done").ClickAsync();
    }

    public Task<int> AuthorizeButtonsAsync() => _page.Locator(".btn.authorize").CountAsync();

    public async Task ReloadAsync()
    {
        await _page.ReloadAsync();
        await _page.Locator(".opblock").First.WaitForAsync();
    }

    /// <summary>Returns the number of items that the page has stored in the browser, for all tabs and for this one.</summary>
    public Task<string> StoredAsync() => _page.EvaluateAsync<string>("() => `${localStorage.length} ${sessionStorage.length}`");

    public Task CloseAsync() => _page.CloseAsync();

    private ILocator Block(string operation) => _page.Locator($"[id='{operation}']");

    /// <summary>
    /// A response shown on the page. <paramref name="Body"/> is its exact text; <paramref name="Undocumented"/> is whether the OpenAPI
    /// description lacks the status code.
    /// </summary>
    internal sealed record Shown(int Status, bool Undocumented, string Text, string Body)
    {
        /// <summary>The entity tag in quotes, from the ETag header shown.</summary>
        public string ETag => Text.Split('\n').Select(line => line.Trim())
            .Single(line => line.StartsWith("etag: ", StringComparison.Ordinal))["etag: ".Length..];
    }
}
