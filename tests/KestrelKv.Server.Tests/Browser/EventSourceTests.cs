using System.Globalization;
using KestrelKv.Server.Tests.Data;
using KestrelKv.Testing;
using Microsoft.Playwright;

namespace KestrelKv.Server.Tests.Browser;

/// <summary>A browser's own EventSource on <c>GET /v1/watch</c>.</summary>
[Collection(BrowserTests.Name)]
public sealed class EventSourceTests(BrowserFixture browser)
{
    /// <summary>A page that runs no scripts, because the test has its own, and whose policy permits requests to the server.</summary>
    private const string Page = "/swagger/plugins.js";

    private const string Begin =
        """
        query => new Promise(resolve => {
            window.seen = [];
            window.events = new EventSource('/v1/watch?' + query);
            events.addEventListener('bookmark', resolve, { once: true });
            events.addEventListener('changes', event => {
                const data = JSON.parse(event.data);
                if (event.lastEventId !== String(data.version)) seen.push(`id ${event.lastEventId}`);
                for (const change of data.changes) seen.push(`${change.kind} ${change.obj} ${JSON.stringify(change.val)}`);
            });
        })
        """;

    [Fact]
    public async Task EventSource_OfTheBrowser_ReceivesEventsWithIds()
    {
        long version = await Contents.VersionAsync(browser.Server);
        await PutAsync(browser.Server, "watched:1", "[1,\n2]");
        IPage page = await browser.OpenTabAsync();
        try
        {
            await page.GotoAsync(Page);

            string query = string.Create(CultureInfo.InvariantCulture, $"prefix=watched:&from_version={version + 1}&values=true");
            await page.EvaluateAsync(Begin, query).WaitAsync(Wait.Patience);

            await SeenAsync(page, "put watched:1 [1,2]");
        }
        finally
        {
            await page.CloseAsync();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EventSource_AfterARestart_ReconnectsAndMissesNoChanges(bool kill)
    {
        using var data = new DataDirectory();
        string[] settings = [string.Create(CultureInfo.InvariantCulture, $"Admin:Port={FreePort.Find()}")];
        ServerProcess server = await ServerProcess.StartAsync(settings, data: data);
        IPage page = await browser.OpenTabAsync();
        try
        {
            await page.GotoAsync(new Uri(server.Admin, Page).ToString());
            await page.EvaluateAsync(Begin, "prefix=over:").WaitAsync(Wait.Patience);
            await PutAsync(server, "over:1", "1");
            await SeenAsync(page, "put over:1 undefined");

            if (kill) server.Kill();
            else await server.StopAsync();
            await server.DisposeAsync();
            server = await ServerProcess.StartAsync(settings, data: data);
            await PutAsync(server, "over:2", "1");

            await SeenAsync(page, "put over:1 undefined", "put over:2 undefined");
        }
        finally
        {
            await page.CloseAsync();
            await server.DisposeAsync();
        }
    }

    private static Task SeenAsync(IPage page, params string[] changes) => Wait.UntilAsync(
        async () => (await page.EvaluateAsync<string[]>("() => seen")).SequenceEqual(changes),
        () => $"the browser did not receive exactly {string.Join(", ", changes)}");

    private static async Task PutAsync(ServerProcess server, string key, string value)
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.PutReply(key), await client.CallAsync(Frames.Put(key, value)));
    }
}
