using KestrelKv.Testing;
using Microsoft.Playwright;

namespace KestrelKv.Server.Tests.Browser;

/// <summary>Requests that a page of another site makes the browser send to a server whose anonymous clients have all rights.</summary>
[Collection(BrowserTests.Name)]
public sealed class CrossSiteTests(BrowserFixture browser)
{
    private const string Users = """
        {"version": 1,
         "roles": {"all": {"grants": [{"prefix": "", "allow": ["read", "write", "watch"]}], "server": ["admin", "metrics"]}},
         "users": {},
         "anonymous": {"roles": ["all"], "from": ["127.0.0.0/8"]}}
        """;

    [Theory]
    [InlineData("post", "v1/call", """{"func": "PUT", "params": {"obj": "k", "val": "x""", "\"}}")]
    [InlineData("post", "v1/admin/snapshot", "a", "b")]
    [InlineData("get", "v1/keys/k", "path", "")]
    public async Task Form_OfAnotherSite_IsRefused(string method, string target, string name, string value)
    {
        using var users = new TestUsersFile(Users);
        await using ServerProcess server = await ServerProcess.StartAsync([users.Setting]);
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.CallAsync(Frames.Put("k", "1"));
        IPage page = await browser.OpenTabAsync();
        try
        {
            await page.SetContentAsync(
                $"""<form method="{method}" enctype="text/plain" action="{server.Admin}{target}"><input id="field"><button>Send</button></form>""");
            await page.EvaluateAsync("([name, value]) => Object.assign(document.getElementById('field'), { name, value })", new[] { name, value });
            IResponse response = await page.RunAndWaitForResponseAsync(() => page.ClickAsync("button"), answer => answer.Url.Contains(target));
            Assert.Equal(403, response.Status);
            Assert.Contains("cross_origin", await response.TextAsync(), StringComparison.Ordinal);
        }
        finally
        {
            await page.CloseAsync();
        }
        Assert.Equal(Frames.GetReply("k", "1"), await client.CallAsync(Frames.Get("k")));
    }
}
