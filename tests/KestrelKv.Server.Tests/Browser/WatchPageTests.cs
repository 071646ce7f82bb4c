using System.Text.Json;
using KestrelKv.Testing;
using Microsoft.Playwright;

namespace KestrelKv.Server.Tests.Browser;

/// <summary>Watches in Swagger UI.</summary>
[Collection(BrowserTests.Name)]
public sealed class WatchPageTests(BrowserFixture browser)
{
    private const string Watch = "operations-Feed-watch";
    private const string Value = "{\"big\": 12345678901234567890, \"f\": 1.0, \"d\": 1, \"d\": 2}";

    [Fact]
    public async Task Watch_Executed_ShowsEventsUntilItIsStopped()
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);
        ILocator watch = await ExecuteAsync(page);

        await PutAsync("user:1", Value);
        await EventWith(watch, Value).WaitForAsync();
        Assert.True(await watch.Locator(".execute").IsEnabledAsync());
        await WaitForWatchesAsync(1);
        Assert.Contains($"\"val\": {Value}, ", await page.CopyAsync(Watch), StringComparison.Ordinal);

        await watch.Locator(".stop-watch").ClickAsync();
        await State(watch, "stopped").WaitForAsync();
        await WaitForWatchesAsync(0);
        await EventWith(watch, Value).WaitForAsync();
        Assert.Empty(page.Errors);
    }

    [Theory]
    [InlineData(".execute", 1)]
    [InlineData(".btn-clear", 0)]
    [InlineData(".opblock-summary-control", 0)]
    public async Task Watch_ClosedOrReplaced_IsStopped(string click, int watches)
    {
        SwaggerPage page = await SwaggerPage.OpenInAnotherTabAsync(browser);
        ILocator watch = await ExecuteAsync(page);
        await WaitForWatchesAsync(1);

        await watch.Locator(click).ClickAsync();
        if (click == ".execute")
        {
            // This bookmark is shown only by the second watch.
            await EventWith(watch, "bookmark").WaitForAsync();
            await PutAsync("user:again", "1");
            await EventWith(watch, "user:again").WaitForAsync();
        }

        await WaitForWatchesAsync(watches);
        await page.CloseAsync();
        await WaitForWatchesAsync(0);
        Assert.Empty(page.Errors);
    }

    [Fact]
    public async Task Watches_InManyTabs_LeaveConnectionsForThePage()
    {
        List<SwaggerPage> pages = [];
        List<ILocator> watches = [];
        try
        {
            for (int i = 0; i < 7; i++)
            {
                pages.Add(await SwaggerPage.OpenInAnotherTabAsync(browser));
                watches.Add(await ExecuteAsync(pages[i]));
            }

            await State(watches[2], "stopped: 4 newer watches are open in other tabs").WaitForAsync();
            await WaitForWatchesAsync(4);
            foreach (ILocator open in watches[3..]) await State(open, "open").WaitForAsync();
        }
        finally
        {
            foreach (SwaggerPage page in pages) await page.CloseAsync();
        }
    }

    private static async Task<ILocator> ExecuteAsync(SwaggerPage page)
    {
        ILocator watch = await page.FillAsync(Watch);
        await watch.Locator(".execute").ClickAsync();
        await State(watch, "open").WaitForAsync();
        return watch;
    }

    private static ILocator State(ILocator watch, string text) => watch.Locator($".watch-state:text-is('{text}')");

    private static ILocator EventWith(ILocator watch, string text) =>
        watch.Locator(".live-responses-table .highlight-code pre").Filter(new() { HasText = text });

    private async Task PutAsync(string key, string value)
    {
        using WireClient client = await WireClient.ConnectAsync(browser.Server.WirePort);
        await client.CallAsync(Frames.Put(key, value));
    }

    private async Task<long> WatchesAsync()
    {
        using var http = new HttpClient();
        using JsonDocument stats = JsonDocument.Parse(await http.GetStringAsync(new Uri(browser.Server.Admin, "v1/stats")));
        return stats.RootElement.GetProperty("watches").GetInt64();
    }

    private Task WaitForWatchesAsync(int count) =>
        Wait.UntilAsync(async () => await WatchesAsync() == count, () => $"the number of watches did not become {count}");
}
