using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Browser;

/// <summary>Swagger UI shows, copies, downloads and sends values as exact text.</summary>
[Collection(BrowserTests.Name)]
public sealed class ExactTextTests(BrowserFixture browser)
{
    private const string Get = "operations-Keys-getKey";
    private const string Put = "operations-Keys-putKey";
    private const string List = "operations-Keys-listKeys";
    private const string Batch = "operations-Batches-executeBatch";

    /// <summary>
    /// A value that a JSON parser and writer would change in many ways. It has no CR, because fields of HTML forms cannot hold one.
    /// </summary>
    private const string Value =
        "{\"big\": 12345678901234567890,  \"f\": 1.0,\t\"e\": 1E400, \"z\": -0, \"10\": 1, \"9\": 2, \"d\": 1,\n \"d\": 2, \"s\": \"\\u0041\\/<b>&amp;\\ud800 é😀\"}";

    [Fact]
    public async Task Get_OfAnyValue_ShowsCopiesAndDownloadsItsText()
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);
        foreach (string value in (string[])[Value, "{\"a\":1,\r\n\r\"b\":2}", "12345678901234567890", "1.0", "\"\\u0000\"", "[ ]"])
        {
            await OnTheWireAsync(Frames.Put("exact", value));

            SwaggerPage.Shown shown = await page.TryAsync(Get, new() { ["key"] = "exact" });

            Assert.Equal(value, shown.Body);
            Assert.Equal(value, await page.CopyAsync(Get));
            Assert.Equal(value, await page.DownloadAsync(Get));
        }
        Assert.Empty(page.Errors);
    }

    [Fact]
    public async Task Put_OfAnyValue_StoresTheTextOfTheField()
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);
        foreach (string value in (string[])[Value, "0", "\"\""])
        {
            SwaggerPage.Shown put = await page.TryAsync(Put, new() { ["key"] = $"sent {value.Length}" }, value);

            Assert.Equal(201, put.Status);
            Assert.Equal(Frames.GetReply($"sent {value.Length}", value), await OnTheWireAsync(Frames.Get($"sent {value.Length}")));
        }
    }

    [Fact]
    public async Task List_WithValues_ShowsAndDownloadsTheirTexts()
    {
        await OnTheWireAsync(Frames.Put("listed exactly", Value));
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);

        SwaggerPage.Shown shown = await page.TryAsync(List, new() { ["prefix"] = "listed exactly", ["values"] = "true" });

        Assert.Contains($"\"value\": {Value}}}", shown.Body, StringComparison.Ordinal);
        Assert.Equal(shown.Body, await page.CopyAsync(List));
        Assert.Equal(shown.Body, await page.DownloadAsync(List));
    }

    [Fact]
    public async Task Batch_OfPutAndGet_SendsAndShowsTheTexts()
    {
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);

        SwaggerPage.Shown shown = await page.TryAsync(Batch, body:
            $"{{\"ops\": [{{\"func\": \"PUT\", \"params\": {{\"obj\": \"batched exactly\", \"val\": {Value}}}}}, {{\"func\": \"GET\", \"params\": {{\"obj\": \"batched exactly\"}}}}]}}");

        Assert.Contains($"\"val\": {Value}}}", shown.Body, StringComparison.Ordinal);
        Assert.Equal(Frames.GetReply("batched exactly", Value), await OnTheWireAsync(Frames.Get("batched exactly")));
    }

    [Fact]
    public async Task Get_OfALongValue_ShowsItsStartAndDownloadsAll()
    {
        string value = $"\"{new string('v', 2_000_000)}\"";
        await OnTheWireAsync(Frames.Put("long", value));
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);

        SwaggerPage.Shown shown = await page.TryAsync(Get, new() { ["key"] = "long" });

        Assert.Contains("The first 262144 of 2000002 characters", shown.Text, StringComparison.Ordinal);
        Assert.Equal(value[..262_144], shown.Body);
        Assert.Equal(value, await page.DownloadAsync(Get));
    }

    [Fact]
    public async Task IndentedView_OfAValue_ChangesOnlyWhiteSpaceAndCopiesTheExactText()
    {
        const string Nested = "{\"a\":[1.0,{}, [] ],\"b\" : \"x, {\\\"\",\"c\":{\"d\":12345678901234567890}}";
        await OnTheWireAsync(Frames.Put("nested", Nested));
        SwaggerPage page = await SwaggerPage.OpenAsync(browser);
        await page.TryAsync(Get, new() { ["key"] = "nested" });

        string indented = await page.IndentAsync(Get);

        Assert.Equal(
            "{\n  \"a\": [\n    1.0,\n    {},\n    []\n  ],\n  \"b\": \"x, {\\\"\",\n  \"c\": {\n    \"d\": 12345678901234567890\n  }\n}", indented);
        Assert.Equal(Nested, await page.CopyAsync(Get));
    }

    private async Task<string> OnTheWireAsync(string body)
    {
        using WireClient client = await WireClient.ConnectAsync(browser.Server.WirePort);
        return await client.CallAsync(body);
    }
}
