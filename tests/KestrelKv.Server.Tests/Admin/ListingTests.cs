using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>Listings in lexicographic byte order, page by page.</summary>
public sealed class ListingTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(1000)]
    public async Task Pages_OfAnyLimit_ReturnEveryKeyOnceInOrder(int limit)
    {
        string prefix = $"walk {limit}/";
        string[] keys =
        [
            .. Enumerable.Range(0, 150).Select(i => $"{prefix}{i}"), prefix, prefix + "é", prefix + "😀", prefix + "\uffff", prefix + "日本",
            prefix + "\"", prefix + "\0", prefix + "%2F", prefix + "&=+#?",
        ];
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        foreach (string key in keys) await wire.CallAsync(Frames.Put(key, "1"));
        await wire.CallAsync(Frames.Put($"walk {limit}.", "\"just before\""));
        await wire.CallAsync(Frames.Put($"walk {limit}0", "\"just after\""));

        List<string> walked = [];
        string? after = null;
        do
        {
            using JsonDocument page = await ListAsync(
                $"prefix={Uri.EscapeDataString(prefix)}&limit={limit}&after={Uri.EscapeDataString(after ?? "")}");
            string[] onPage =
                [.. page.RootElement.GetProperty("keys").EnumerateArray().Select(entry => entry.GetProperty("key").GetString()!)];
            Assert.InRange(onPage.Length, 1, limit);
            walked.AddRange(onPage);
            after = page.RootElement.GetProperty("next").GetString();
            if (after is not null) Assert.Equal(onPage[^1], after);
        }
        while (after is not null);
        Assert.Equal(keys.OrderBy(key => Convert.ToHexString(Encoding.UTF8.GetBytes(key)), StringComparer.Ordinal), walked);
    }

    [Fact]
    public async Task Listing_ReturnsVersionBytesAndValueOfEachKey()
    {
        // On the shared server, the removal of an expired entry of another test would take a version in between.
        await using ServerProcess own = await ServerProcess.StartAsync();
        using WireClient wire = await WireClient.ConnectAsync(own.WirePort);
        await wire.CallAsync(Frames.Put("detail/a", "{\"b\": 1.0,  \"a\":\"\\u00e9\"}"));
        await wire.CallAsync(Frames.Put("detail/b", "null"));
        RawResponse one = await RawHttp.SendAsync(own.Admin, "GET", "/v1/key?key=detail/a");
        RawResponse other = await RawHttp.SendAsync(own.Admin, "GET", "/v1/key?key=detail/b");
        long version = Version(one);
        Assert.Equal(version + 1, Version(other));

        string entryA = $"{{\"key\": \"detail/a\", \"version\": {version}, \"expires_at\": null, \"bytes\": 25";
        string entryB = $"{{\"key\": \"detail/b\", \"version\": {version + 1}, \"expires_at\": null, \"bytes\": 4";
        string end = $", \"version\": {version + 1}}}";
        Assert.Equal(25, one.Body.Length);
        Assert.Equal($"{{\"keys\": [{entryA}}}, {entryB}}}], \"next\": null{end}", await TextAsync(own, "prefix=detail/"));
        Assert.Equal(
            $"{{\"keys\": [{entryA}, \"value\": {one.Text}}}, {entryB}, \"value\": null}}], \"next\": null{end}",
            await TextAsync(own, "prefix=detail/&values=true"));
        Assert.Equal($"{{\"keys\": [{entryA}}}], \"next\": \"detail/a\"{end}", await TextAsync(own, "prefix=detail/&limit=1"));
        Assert.Equal($"{{\"keys\": [{entryB}}}], \"next\": null{end}", await TextAsync(own, "prefix=detail/&limit=1&after=detail/a"));
        Assert.Equal($"{{\"keys\": [], \"next\": null{end}", await TextAsync(own, "prefix=detail/&after=detail/b"));
        Assert.Equal($"{{\"keys\": [{entryB}}}], \"next\": null{end}", await TextAsync(own, "prefix=detail/&after=detail/aa"));
        Assert.Equal($"{{\"keys\": [], \"next\": null{end}", await TextAsync(own, "prefix=nothing%20begins%20so"));

        static long Version(RawResponse response) => long.Parse(response.ETag!.Trim('"'), CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("", "a b c d e f")]
    [InlineData("&descending=true", "f e d c b a")]
    [InlineData("&after=range/b&until=range/e", "c d")]
    [InlineData("&after=range/e&until=range/b&descending=true", "d c")]
    [InlineData("&until=range/c", "a b")]
    [InlineData("&until=range/c&descending=true", "f e d")]
    [InlineData("&until=range/", "")]
    [InlineData("&after=range/e&until=range/b", "")]
    [InlineData("&limit=2&after=range/a", "b c...")]
    [InlineData("&limit=2&descending=true", "f e...")]
    [InlineData("&limit=2&descending=true&after=range/c", "b a")]
    public async Task Listing_BetweenKeys_ReturnsThemInTheRequestedDirection(string query, string expected)
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        foreach (char key in "abcdef") await wire.CallAsync(Frames.Put($"range/{key}", "1"));
        await wire.CallAsync(Frames.Put("range.", "1"));
        await wire.CallAsync(Frames.Put("range0", "1"));

        using JsonDocument page = await ListAsync("prefix=range/" + query);
        string[] keys = [.. page.RootElement.GetProperty("keys").EnumerateArray().Select(entry => entry.GetProperty("key").GetString()!)];
        string? next = page.RootElement.GetProperty("next").GetString();
        Assert.Equal(expected, string.Join(' ', keys.Select(key => key[^1])) + (next is null ? "" : "..."));
        if (next is not null) Assert.Equal(keys[^1], next);
    }

    [Fact]
    public async Task Listing_WithADelimiter_HasPrefixesWithTheirNumberOfKeys()
    {
        await using ServerProcess own = await ServerProcess.StartAsync();
        using WireClient wire = await WireClient.ConnectAsync(own.WirePort);
        foreach (string key in (string[])["a", "b/1", "b/2/3", "c", "d/", "é/\"/1"]) await wire.CallAsync(Frames.Put(key, "1"));
        const string A = "{\"key\": \"a\", \"version\": 1, \"expires_at\": null, \"bytes\": 1}";
        const string C = "{\"key\": \"c\", \"version\": 4, \"expires_at\": null, \"bytes\": 1}";
        const string B = "{\"prefix\": \"b/\", \"keys\": 2}", D = "{\"prefix\": \"d/\", \"keys\": 1}", E = "{\"prefix\": \"é/\", \"keys\": 1}";
        Assert.Equal(
            $"{{\"keys\": [{A}, {C}], \"prefixes\": [{B}, {D}, {E}], \"next\": null, \"version\": 6}}", await TextAsync(own, "delimiter=/"));
        Assert.Equal($"{{\"keys\": [{A}], \"prefixes\": [{B}], \"next\": \"b/\", \"version\": 6}}", await TextAsync(own, "delimiter=/&limit=2"));
        Assert.Equal(
            $"{{\"keys\": [{C}], \"prefixes\": [{D}], \"next\": \"d/\", \"version\": 6}}",
            await TextAsync(own, "delimiter=/&limit=2&after=b/"));
        Assert.Equal(
            $"{{\"keys\": [], \"prefixes\": [{E}, {D}], \"next\": \"d/\", \"version\": 6}}",
            await TextAsync(own, "delimiter=/&limit=2&descending=true"));
        Assert.Equal(
            "{\"keys\": [], \"prefixes\": [{\"prefix\": \"é/\\\"/\", \"keys\": 1}], \"next\": null, \"version\": 6}",
            await TextAsync(own, "delimiter=/&prefix=%C3%A9/"));
    }

    [Theory]
    [InlineData("", 6)]
    [InlineData("&after=counted/b", 4)]
    [InlineData("&until=counted/b", 1)]
    [InlineData("&after=counted/a&until=counted/d", 2)]
    [InlineData("&after=counted/f", 0)]
    public async Task Count_BetweenKeys_CountsThem(string query, int expected)
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        foreach (char key in "abcdef") await wire.CallAsync(Frames.Put($"counted/{key}", "1"));
        await server.Process.CallAsync("PUT", "/v1/keys/counted/expired?expires_at=1", "1");
        Assert.StartsWith(
            $"{{\"count\": {expected}, \"version\": ", (await server.Process.CallAsync("GET", "/v1/count?prefix=counted/" + query)).Text,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/count?limit=1", "unknown_parameter", "expected prefix, after, until")]
    [InlineData("/v1/count?until=a&until=b", "duplicate_parameter", "\"until\"")]
    [InlineData("/v1/keys?untl=a", "unknown_parameter", "expected prefix, after, until, limit, values, descending, delimiter")]
    [InlineData("/v1/keys?delimiter=", "invalid_value", "\"delimiter\" has 0 bytes, expected a string of 1 to 16 bytes of UTF-8")]
    [InlineData("/v1/count?delimiter=/", "unknown_parameter", "\"delimiter\"")]
    [InlineData("/v1/keys?key=a", "unknown_parameter", "\"key\"")]
    [InlineData("/v1/keys?descending=2", "invalid_value", "\"descending\" is \"2\", expected true or false")]
    [InlineData("/v1/keys?limit=0", "invalid_value", "\"limit\" is 0, expected an integer from 1 to 1000")]
    [InlineData("/v1/key", "missing_parameter", "\"key\" is missing")]
    public async Task Parameter_Invalid_IsNamedInTheProblem(string target, string code, string detail) =>
        (await server.Process.CallAsync("GET", target)).AssertProblem(400, code, detail);

    [Fact]
    public async Task Listing_WithTheLongestKeys_FitsIntoTheAddress()
    {
        // Each of these characters takes 3 bytes of UTF-8.
        string key = new('\uffff', 4_096 / 3);
        string encoded = Uri.EscapeDataString(key);
        Assert.StartsWith(
            "{\"keys\": [], \"next\": null,", await TextAsync($"prefix={encoded}&after={encoded}&until={encoded}&descending=true"));
    }

    [Fact]
    public async Task Listing_WithoutALimit_Returns100Keys()
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        for (int i = 0; i < 101; i++) await wire.CallAsync(Frames.Put($"hundred/{i:000}", "1"));
        using JsonDocument page = await ListAsync("prefix=hundred/");
        Assert.Equal(100, page.RootElement.GetProperty("keys").GetArrayLength());
        Assert.Equal("hundred/099", page.RootElement.GetProperty("next").GetString());
    }

    [Fact]
    public async Task Listing_OfLargeValues_IsSplitIntoPagesAndComplete()
    {
        const int Keys = 20;
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        string value = $"\"{new string('x', 1_000_000)}\"";
        for (int i = 0; i < Keys; i++) await wire.CallAsync(Frames.Put($"large/{i:00}", value));

        List<string> walked = [];
        int pages = 0;
        for (string? after = ""; after is not null; pages++)
        {
            string text = await TextAsync($"prefix=large/&values=true&after={Uri.EscapeDataString(after)}");
            Assert.InRange(text.Length, 1_000_000, 6_000_000);
            using JsonDocument page = JsonDocument.Parse(text);
            foreach (JsonElement entry in page.RootElement.GetProperty("keys").EnumerateArray())
            {
                walked.Add(entry.GetProperty("key").GetString()!);
                Assert.Equal(value, entry.GetProperty("value").GetRawText());
            }
            after = page.RootElement.GetProperty("next").GetString();
        }
        Assert.Equal(Enumerable.Range(0, Keys).Select(i => $"large/{i:00}"), walked);
        Assert.InRange(pages, 4, Keys);
    }

    [Fact]
    public async Task Pages_WhileKeysChange_ReturnEveryUnchangedKey()
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        for (int i = 0; i < 300; i++) await wire.CallAsync(Frames.Put($"stays/{i:000}", "1"));

        List<string> walked = [];
        int added = 0;
        for (string? after = ""; after is not null;)
        {
            using JsonDocument page = await ListAsync($"prefix=stays/&limit=10&after={Uri.EscapeDataString(after)}");
            walked.AddRange(page.RootElement.GetProperty("keys").EnumerateArray().Select(entry => entry.GetProperty("key").GetString()!));
            after = page.RootElement.GetProperty("next").GetString();

            // Changes keys before and after the cursor, and the key of the cursor itself.
            await wire.CallAsync(Frames.Put($"stays/{added++:000}a", "1"));
            await wire.CallAsync(Frames.Put($"stays/{299 - added:000}b", "1"));
            if (after?.EndsWith('b') == true) await RawHttp.SendAsync(server.Process.Admin, "DELETE", $"/v1/key?key={after}");
        }
        Assert.Equal(walked.Count, walked.Distinct().Count());
        Assert.Equal(Enumerable.Range(0, 300).Select(i => $"stays/{i:000}"), walked.Where(key => char.IsDigit(key[^1])));
    }

    private Task<string> TextAsync(string query) => TextAsync(server.Process, query);

    private static async Task<string> TextAsync(ServerProcess server, string query)
    {
        RawResponse response = await RawHttp.SendAsync(server.Admin, "GET", "/v1/keys?" + query);
        Assert.Equal(200, response.Status);
        Assert.Equal("application/json", response.Headers["Content-Type"]);
        return response.Text;
    }

    private async Task<JsonDocument> ListAsync(string query) => JsonDocument.Parse(await TextAsync(query));
}
