using System.Globalization;
using Microsoft.Playwright;

namespace KestrelKv.Server.Tests.Browser;

/// <summary>Swagger UI in a browser, used as a person uses it.</summary>
internal sealed class SwaggerPage
{
    /// <summary>What the browser's console says of an answer that is no success. That is no fault of the page.</summary>
    private const string RefusedRequest = "Failed to load resource: the server responded with a status of 4";

    private readonly IPage _page;

    private SwaggerPage(IPage page) => _page = page;

    /// <summary>What went wrong in the browser.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>Hosts that the page asked for something.</summary>
    public HashSet<string> Hosts { get; } = [];

    public string Url => _page.Url;

    /// <summary>The operations, by the ids that Swagger UI gives them.</summary>
    public async Task<IReadOnlyList<string>> OperationsAsync() =>
        await _page.Locator(".opblock").EvaluateAllAsync<string[]>("all => all.map(each => each.id)");

    public Task<string> TitleAsync() => _page.TitleAsync();

    /// <summary>Opens the server's root.</summary>
    public static async Task<SwaggerPage> OpenAsync(BrowserFixture browser) => await OpenAsync(await browser.OpenWindowAsync());

    /// <summary>Opens the server's root in one more tab of a window.</summary>
    public static async Task<SwaggerPage> OpenAsync(IBrowserContext window)
    {
        var swagger = new SwaggerPage(await window.NewPageAsync());
        swagger._page.Console += (_, message) =>
        {
            if (message.Type == "error" && !message.Text.StartsWith(RefusedRequest, StringComparison.Ordinal)) swagger.Errors.Add(message.Text);
        };
        swagger._page.PageError += (_, error) => swagger.Errors.Add(error);
        swagger._page.Request += (_, request) => swagger.Hosts.Add(new Uri(request.Url).Authority);
        await swagger._page.GotoAsync("/");
        await swagger._page.Locator(".opblock").First.WaitForAsync();
        return swagger;
    }

    /// <summary>"Try it out" and "Execute"; gives what the page then shows.</summary>
    /// <param name="operation">The operation's id.</param>
    /// <param name="parameters">Parameters to fill in; the others stay as the page has them.</param>
    /// <param name="body">The body to fill in; null leaves the page's example.</param>
    /// <param name="type">The type of the body to choose; null leaves the first one.</param>
    public async Task<Shown> TryAsync(string operation, Dictionary<string, string>? parameters = null, string? body = null, string? type = null)
    {
        ILocator block = await FillAsync(operation, parameters, body, type);
        await block.Locator(".execute").ClickAsync();

        ILocator answer = block.Locator(".live-responses-table tr.response");
        await answer.WaitForAsync();
        string status = await answer.Locator(".response-col_status").InnerTextAsync();
        ILocator exact = answer.Locator(".highlight-code pre");
        return new(
            int.Parse(status.Split('\n')[0], CultureInfo.InvariantCulture),
            status.Contains("Undocumented", StringComparison.Ordinal),
            await answer.Locator(".response-col_description").InnerTextAsync(),
            await exact.CountAsync() == 0 ? "" : (await exact.TextContentAsync())!);
    }

    /// <summary>"Try it out", and what a person then fills in. Closes the other operations: the page draws all open ones at each change.</summary>
    public async Task<ILocator> FillAsync(string operation, Dictionary<string, string>? parameters = null, string? body = null, string? type = null)
    {
        ILocator others = _page.Locator($".opblock.is-open:not([id='{operation}']) .opblock-summary-control");
        while (await others.CountAsync() > 0) await others.First.ClickAsync();

        ILocator block = Block(operation);
        if (await block.Locator(".opblock-body").CountAsync() == 0) await block.Locator(".opblock-summary-control").ClickAsync();
        await block.Locator(".try-out__btn").First.WaitForAsync();

        // A second time it may be ready to be changed, and shows the first answer until that is cleared.
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

    /// <summary>Clicks on "Copy" beside an answer; returns the text of the clipboard.</summary>
    public async Task<string> CopyAsync(string operation)
    {
        await Block(operation).Locator(".live-responses-table .copy-to-clipboard button").ClickAsync();
        return await _page.EvaluateAsync<string>("() => navigator.clipboard.readText()");
    }

    /// <summary>Clicks on "Download" beside an answer; returns the text of the file.</summary>
    public async Task<string> DownloadAsync(string operation)
    {
        IDownload download = await _page.RunAndWaitForDownloadAsync(
            () => Block(operation).Locator(".live-responses-table .download-contents").ClickAsync());
        return await File.ReadAllTextAsync(await download.PathAsync());
    }

    /// <summary>Indents the view of an answer; returns what is then shown.</summary>
    public async Task<string> IndentAsync(string operation)
    {
        ILocator body = Block(operation).Locator(".live-responses-table .highlight-code");
        await body.Locator("input[type=checkbox]").CheckAsync();
        return (await body.Locator("pre").TextContentAsync())!;
    }

    public Task CloseAsync() => _page.CloseAsync();

    private ILocator Block(string operation) => _page.Locator($"[id='{operation}']");

    /// <summary>An answer on the page.</summary>
    /// <param name="Status">Its code.</param>
    /// <param name="Undocumented">Whether the description does not know of that code.</param>
    /// <param name="Text">Its body and headers, as the page lays them out.</param>
    /// <param name="Body">The exact text of its body on the page.</param>
    internal sealed record Shown(int Status, bool Undocumented, string Text, string Body)
    {
        /// <summary>The version in quotes that the header ETag shows.</summary>
        public string ETag => Text.Split('\n').Select(line => line.Trim())
            .Single(line => line.StartsWith("etag: ", StringComparison.Ordinal))["etag: ".Length..];
    }
}
