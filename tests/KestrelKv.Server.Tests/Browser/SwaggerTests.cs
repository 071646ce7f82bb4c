using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Browser;

/// <summary>The admin HTTP in a browser.</summary>
[Collection(BrowserTests.Name)]
public sealed class SwaggerTests(BrowserFixture browser)
{
    private const string ByPath = "operations-Keys-{0}Key";
    private const string ByQuery = "operations-Keys_by_query-{0}KeyByQuery";
    private const string List = "operations-Keys-listKeys";
    private const string Count = "operations-Keys-countKeys";
    private const string Batch = "operations-Batches-executeBatch";
    private const string Call = "operations-Batches-call";
    private const string Watch = "operations-Feed-watch";
    private const string Stats = "operations-Server-getStats";
    private const string Snapshot = "operations-Data-takeSnapshot";
    private const string Backup = "operations-Data-getBackup";

    private static readonly string[] NoContent = ["-putKey", "-patchKey", "-deleteKey"];

    [Fact]
    public async Task Root_Opened_ShowsSwaggerUIWithEveryEndpointKeysFirst()
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);

        Assert.EndsWith("/swagger/index.html", page.Url, StringComparison.Ordinal);
        Assert.Equal("KestrelKv", await page.TitleAsync());
        IReadOnlyList<string> operations = await page.OperationsAsync();
        Assert.Equal(Of(ByPath, "get"), operations[0]);
        Assert.Equal(
            [
                .. new[] { "get", "head", "put", "patch", "delete" }.SelectMany(method => new[] { Of(ByPath, method), Of(ByQuery, method) }),
                List, Count, Batch, Call, Watch, Stats, Snapshot, Backup,
            ],
            operations.ToHashSet());
        Assert.Empty(page.Errors);
        // The page works on machines without internet access, and contacts no other host.
        Assert.Equal([browser.Server.Admin.Authority], page.Hosts);
    }

    [Fact]
    public async Task TryItOut_OfEveryEndpointWithThePagesExamples_Succeeds()
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);

        foreach (string operation in await page.OperationsAsync())
        {
            await OnTheWireAsync(Frames.Put("user:1", "1"));
            SwaggerPage.Shown shown = await page.TryAsync(operation);

            int expected = NoContent.Any(method => operation.Contains(method, StringComparison.Ordinal)) ? 204 : 200;
            Assert.True(shown.Status == expected && !shown.Undocumented, $"{operation}: {shown.Status}, undocumented: {shown.Undocumented}\n{shown.Text}");
        }
        Assert.Empty(page.Errors);
    }

    [Fact]
    public async Task TryItOut_PutGetDelete_IsVisibleOverTheWire()
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);
        await PutGetDeleteAsync(page, ByPath, "greeting");
        await PutGetDeleteAsync(page, ByQuery, "greeting by query");
        await PutGetDeleteAsync(page, ByPath, "a/b/😀 ?&=#%2F+");
        await PutGetDeleteAsync(page, ByQuery, "a/../😀 ?&=#%2F+");
        Assert.Empty(page.Errors);
    }

    private async Task PutGetDeleteAsync(SwaggerPage page, string form, string key)
    {
        var parameters = new Dictionary<string, string> { ["key"] = key };

        SwaggerPage.Shown put = await page.TryAsync(Of(form, "put"), parameters, "{\"hello\": \"world\", \"n\": 1.0}");
        SwaggerPage.Shown get = await page.TryAsync(Of(form, "get"), parameters);
        string onTheWire = await OnTheWireAsync(Frames.Get(key));
        SwaggerPage.Shown delete = await page.TryAsync(Of(form, "delete"), parameters);
        SwaggerPage.Shown gone = await page.TryAsync(Of(form, "get"), parameters);

        Assert.Equal(201, put.Status);
        Assert.Equal(200, get.Status);
        Assert.Contains("\"hello\": \"world\"", get.Text, StringComparison.Ordinal);
        Assert.Equal(put.ETag, get.ETag);
        Assert.Contains("\"val\": {\"hello\": \"world\", \"n\": 1.0}}", onTheWire, StringComparison.Ordinal);
        Assert.Equal(204, delete.Status);
        Assert.Equal(404, gone.Status);
        Assert.Contains("not_found", gone.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ByPath)]
    [InlineData(ByQuery)]
    public async Task TryItOut_WithIfMatch_WritesOnlyToThatVersion(string form)
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);
        string put = Of(form, "put");
        string key = $"versioned {form}";

        SwaggerPage.Shown first = await page.TryAsync(put, new() { ["key"] = key }, "1");
        SwaggerPage.Shown second = await page.TryAsync(put, new() { ["key"] = key, ["If-Match"] = first.ETag }, "2");
        SwaggerPage.Shown stale = await page.TryAsync(put, new() { ["key"] = key, ["If-Match"] = first.ETag }, "3");
        SwaggerPage.Shown read = await page.TryAsync(Of(form, "get"), new() { ["key"] = key, ["If-None-Match"] = second.ETag });

        Assert.Equal((201, 204, 412, 304), (first.Status, second.Status, stale.Status, read.Status));
        Assert.Contains($"the entry has version {second.ETag.Trim('"')}", stale.Text, StringComparison.Ordinal);
        Assert.Contains("\"val\": 2}", await OnTheWireAsync(Frames.Get(key)), StringComparison.Ordinal);
        Assert.Empty(page.Errors);
    }

    [Theory]
    [InlineData(ByPath)]
    [InlineData(ByQuery)]
    public async Task TryItOut_PatchOfEitherType_ChangesOnlyThatPart(string form)
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);
        string patch = Of(form, "patch");
        string key = $"patched {form}";
        await OnTheWireAsync(Frames.Put(key, "{\"n\":1.0, \"visits\": 1}"));

        SwaggerPage.Shown merged = await page.TryAsync(patch, new() { ["key"] = key });
        string afterMerge = await OnTheWireAsync(Frames.Get(key));
        SwaggerPage.Shown patched = await page.TryAsync(
            patch, new() { ["key"] = key }, "[{\"op\": \"test\", \"path\": \"/visits\", \"value\": 2}, {\"op\": \"remove\", \"path\": \"/n\"}]", "application/json-patch+json");
        string afterPatch = await OnTheWireAsync(Frames.Get(key));
        SwaggerPage.Shown refused = await page.TryAsync(
            patch, new() { ["key"] = key }, "[{\"op\": \"test\", \"path\": \"/visits\", \"value\": 3}]", "application/json-patch+json");

        Assert.Equal((204, 204, 409), (merged.Status, patched.Status, refused.Status));
        Assert.Contains("\"val\": {\"n\":1.0, \"visits\": 2}}", afterMerge, StringComparison.Ordinal);
        Assert.Contains("\"val\": {\"visits\": 2}}", afterPatch, StringComparison.Ordinal);
        Assert.Contains("test_failed", refused.Text, StringComparison.Ordinal);
        Assert.Empty(page.Errors);
    }

    [Fact]
    public async Task TryItOut_Batch_IsAtomic()
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);

        SwaggerPage.Shown done = await page.TryAsync(
            Batch, body: "{\"ops\": [{\"func\": \"PUT\", \"params\": {\"obj\": \"batched\", \"val\": 1}}, {\"func\": \"INCR\", \"params\": {\"obj\": \"batched\"}}]}");
        SwaggerPage.Shown refused = await page.TryAsync(
            Batch, body: "{\"ops\": [{\"func\": \"INCR\", \"params\": {\"obj\": \"batched\"}}, {\"func\": \"PUT\", \"params\": {\"obj\": \"batched\", \"val\": 1, \"if_exists\": false}}]}");

        Assert.Equal((200, 412), (done.Status, refused.Status));
        Assert.Contains("\"index\":1", refused.Body, StringComparison.Ordinal);
        Assert.Contains("\"val\": 2}", await OnTheWireAsync(Frames.Get("batched")), StringComparison.Ordinal);
        Assert.Empty(page.Errors);
    }

    [Fact]
    public async Task TryItOut_ListAndStats_ShowTheStore()
    {
        for (int i = 0; i < 3; i++) await OnTheWireAsync(Frames.Put($"listed:{i}", $"{{\"i\": {i}}}"));
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);

        SwaggerPage.Shown two = await page.TryAsync(List, new() { ["prefix"] = "listed:", ["limit"] = "2" });
        SwaggerPage.Shown last = await page.TryAsync(List, new() { ["prefix"] = "listed:", ["after"] = "listed:1" });
        SwaggerPage.Shown stats = await page.TryAsync(Stats);

        Assert.Contains("\"next\": \"listed:1\"", two.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("listed:2", two.Body, StringComparison.Ordinal);
        Assert.Contains("{\"i\": 2}", last.Body, StringComparison.Ordinal);
        Assert.Contains("\"next\": null", last.Body, StringComparison.Ordinal);
        Assert.Contains("\"server_version\"", stats.Body, StringComparison.Ordinal);
        Assert.Empty(page.Errors);
    }

    [Fact]
    public async Task PatchContentType_Changed_ReplacesTheBody()
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);
        string patch = Of(ByPath, "patch");
        await OnTheWireAsync(Frames.Put("typed", "{\"a\": 1, \"visits\": 1}"));

        await page.FillAsync(patch, new() { ["key"] = "typed" }, "{\"a\": null}", "application/merge-patch+json");
        SwaggerPage.Shown patched = await page.TryAsync(patch, type: "application/json-patch+json");

        Assert.Equal(204, patched.Status);
        Assert.Contains("\"val\": {\"a\": 1, \"visits\": 2}}", await OnTheWireAsync(Frames.Get("typed")), StringComparison.Ordinal);
        Assert.Empty(page.Errors);
    }

    private static string Of(string form, string method) => form.Replace("{0}", method, StringComparison.Ordinal);

    private async Task<string> OnTheWireAsync(string body)
    {
        using WireClient client = await WireClient.ConnectAsync(browser.Server.WirePort);
        return await client.CallAsync(body);
    }
}
