using KestrelKv.Server.Tests.Security;

namespace KestrelKv.Server.Tests.Browser;

/// <summary>The button Authorize of Swagger UI.</summary>
[Collection(BrowserTests.Name)]
public sealed class AuthorizeTests(BrowserFixture browser, UsersServer server) : IClassFixture<UsersServer>
{
    private const string Get = "operations-Keys-getKey";
    private const string Watch = "operations-Feed-watch";

    private static readonly Dictionary<string, string> Order = new() { ["key"] = "order:1" };

    [Fact]
    public async Task Authorize_WithASecret_SendsItUntilThePageIsReloaded()
    {
        SwaggerPage page = await SwaggerPage.OpenInAnotherTabAsync(browser, server.Process.Admin);
        try
        {
            SwaggerPage.Shown refused = await page.TryAsync(Get, Order);
            Assert.Equal((401, false), (refused.Status, refused.Undocumented));

            await page.AuthorizeAsync(UsersServer.Secrets["reader"]);
            Assert.Equal((200, "{\"n\": 1}"), await ReadAsync(page));
            SwaggerPage.Shown forbidden = await page.TryAsync(Get, new() { ["key"] = "user:1" });
            Assert.Equal((403, false), (forbidden.Status, forbidden.Undocumented));
            Assert.Contains("\"forbidden\"", forbidden.Body, StringComparison.Ordinal);
            SwaggerPage.Shown watch = await page.TryAsync(Watch, new() { ["prefix"] = "order:" });
            Assert.Equal(403, watch.Status);
            Assert.Empty(page.Errors);

            await page.ReloadAsync();
            Assert.Equal(401, (await page.TryAsync(Get, Order)).Status);
            Assert.Equal("0 0", await page.StoredAsync());
        }
        finally
        {
            await page.CloseAsync();
        }
    }

    [Fact]
    public async Task Page_WithoutUsers_HasNoButton()
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);
        Assert.Equal(0, await page.AuthorizeButtonsAsync());
    }

    private static async Task<(int, string)> ReadAsync(SwaggerPage page)
    {
        SwaggerPage.Shown shown = await page.TryAsync(Get, Order);
        return (shown.Status, shown.Body);
    }
}
