using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace KestrelKv.Client.Tests.Requests;

/// <summary>The exact requests of PATCH, and the arguments that are refused.</summary>
public sealed class PatchTextTests
{
    private const string PatchStart = "\"obj\": \"k\", \"patch\": ";
    private const string MergeStart = "\"obj\": \"k\", \"merge\": ";

    public static TheoryData<string, JsonPatch> Operations() => new()
    {
        { "[]", new JsonPatch() },
        { """[{"op":"add","path":"/a","value":1}]""", new JsonPatch().Add("/a", 1) },
        { """[{"op":"add","path":"/items/-","value":{"name":"x"}}]""", new JsonPatch().Add("/items/-", new { Name = "x" }) },
        { """[{"op":"add","path":"/a","value":null}]""", new JsonPatch().Add<string?>("/a", null) },
        { """[{"op":"remove","path":"/a"}]""", new JsonPatch().Remove("/a") },
        { """[{"op":"replace","path":"","value":[1,2]}]""", new JsonPatch().Replace("", (int[])[1, 2]) },
        { """[{"op":"replace","path":"/a","value":null}]""", new JsonPatch().Replace<object?>("/a", null) },
        { """[{"op":"move","path":"/b","from":"/a"}]""", new JsonPatch().Move("/a", "/b") },
        { """[{"op":"copy","path":"/b","from":"/a"}]""", new JsonPatch().Copy("/a", "/b") },
        { """[{"op":"test","path":"/a~1b~0","value":true}]""", new JsonPatch().Test("/a~1b~0", true) },
        { """[{"op":"test","path":"/a","value":null}]""", new JsonPatch().Test<int?>("/a", null) },
        {
            """[{"op":"test","path":"/state","value":"open"},{"op":"replace","path":"/state","value":"closed"},{"op":"remove","path":"/owner"}]""",
            new JsonPatch().Test("/state", "open").Replace("/state", "closed").Remove("/owner")
        },
    };

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task Patch_EachOperation(string json, JsonPatch patch)
    {
        Assert.Equal(PatchStart + json, await PatchAsync(patch));
        // A patch can be sent again.
        Assert.Equal(PatchStart + json, await PatchAsync(patch));
    }

    [Fact]
    public async Task Patch_TypeInformation_ConvertsTheValues()
    {
        var type = (JsonTypeInfo<Item>)JsonSerializerOptions.Default.GetTypeInfo(typeof(Item));
        var item = new Item("x");
        // The client's own conversion has lower-case names.
        Assert.Equal(
            PatchStart + """[{"op":"add","path":"/a","value":{"Name":"x"}},{"op":"replace","path":"/b","value":{"Name":"x"}},{"op":"test","path":"/c","value":{"name":"x"}}]""",
            await PatchAsync(new JsonPatch().Add("/a", item, type).Replace("/b", item, type).Test("/c", item)));
    }

    [Fact]
    public async Task Patch_PathWithAnyText_RoundTrips()
    {
        const string path = "/\u00e4\u20ac\U0001f600\"\\\n";
        string parameters = await PatchAsync(new JsonPatch().Move(path, path + "2"));
        using JsonDocument document = JsonDocument.Parse($"{{{parameters}}}");
        JsonElement operation = document.RootElement.GetProperty("patch")[0];
        Assert.Equal((path, path + "2"), (operation.GetProperty("from").GetString(), operation.GetProperty("path").GetString()));
    }

    [Fact]
    public void Patch_MissingPath_IsRefused()
    {
        Assert.Equal("path", Assert.Throws<ArgumentNullException>(() => new JsonPatch().Add(null!, 1)).ParamName);
        Assert.Equal("path", Assert.Throws<ArgumentNullException>(() => new JsonPatch().Remove(null!)).ParamName);
        Assert.Equal("path", Assert.Throws<ArgumentNullException>(() => new JsonPatch().Move("/a", null!)).ParamName);
        Assert.Equal("from", Assert.Throws<ArgumentNullException>(() => new JsonPatch().Move(null!, "/a")).ParamName);
        Assert.Equal("from", Assert.Throws<ArgumentNullException>(() => new JsonPatch().Copy(null!, "/a")).ParamName);
    }

    [Fact]
    public async Task Patch_InvalidArguments_AreRefused()
    {
        await RequestTexts.AssertInvalidAsync(client => client.PatchAsync("k", null!).AsTask(), "patch");
        await RequestTexts.AssertInvalidAsync(client => client.PatchAsync("", new JsonPatch().Remove("/a")).AsTask(), "key");
        await RequestTexts.AssertInvalidAsync(client => client.PatchAsync("k", new JsonPatch().Remove("/a"), new() { Path = "/a" }).AsTask(), "options", "Path", "PATCH");
        await RequestTexts.AssertInvalidAsync(
            client => client.PatchAsync("k", new JsonPatch().Remove("/a"), new() { IfVersion = 1, IfExists = true }).AsTask(), "options", "IfVersion", "IfExists");
    }

    [Fact]
    public async Task Merge_TypedAndText()
    {
        Assert.Equal(MergeStart + """{"name":"x"}""", await MergeAsync(new Item("x"), default));
        Assert.Equal(MergeStart + "null", await MergeAsync<Item?>(null, default));
        Assert.Equal(MergeStart + "5", await MergeAsync(5, default));
        var type = (JsonTypeInfo<Item>)JsonSerializerOptions.Default.GetTypeInfo(typeof(Item));
        Assert.Equal(
            MergeStart + """{"Name":"x"}""",
            await RequestTexts.ParametersAsync("PATCH", (client, stop) => client.MergeAsync("k", new Item("x"), type, default, stop).AsTask()));
        // JSON text is sent as it is.
        const string json = """ {"b" : 1.50, "a":[ ], "\u0061": null} """;
        Assert.Equal(MergeStart + json, await MergeTextAsync(json, default));
    }

    [Fact]
    public async Task PatchAndMerge_EachOption()
    {
        (WriteOptions, string)[] cases =
        [
            (new() { Expiry = TimeSpan.FromSeconds(1.5) }, ", \"ttl\": 1.500"),
            (new() { Expiry = Expiry.Never }, ", \"ttl\": null"),
            (new() { Expiry = Expiry.At(DateTimeOffset.UnixEpoch.AddSeconds(9)) }, ", \"expires_at\": 9"),
            (new() { IfVersion = 0 }, ", \"if_version\": 0"),
            (new() { IfExists = true }, ", \"if_exists\": true"),
            (new() { IfExists = false }, ", \"if_exists\": false"),
            (new() { ReturnOld = true }, ", \"return_old\": true"),
            (new() { AcknowledgeFromMemory = true }, ", \"ack\": \"memory\""),
            (new() { Expiry = TimeSpan.FromSeconds(2), IfVersion = 3, ReturnOld = true, AcknowledgeFromMemory = true }, ", \"ttl\": 2, \"if_version\": 3, \"return_old\": true, \"ack\": \"memory\""),
        ];
        foreach ((WriteOptions options, string text) in cases)
        {
            Assert.Equal($"{MergeStart}5{text}", await MergeAsync(5, options));
            Assert.Equal($"{MergeStart}5{text}", await MergeTextAsync("5", options));
            Assert.Equal(
                $$"""{{PatchStart}}[{"op":"remove","path":"/a"}]{{text}}""",
                await RequestTexts.ParametersAsync("PATCH", (client, stop) => client.PatchAsync("k", new JsonPatch().Remove("/a"), options, stop).AsTask()));
        }
    }

    [Fact]
    public async Task PatchAndMerge_ExactlyOnce_HaveARequestId()
    {
        Func<KestrelKvClient, CancellationToken, Task>[] calls =
        [
            (client, stop) => client.MergeAsync("k", 5, new WriteOptions { IfVersion = 1 }, stop).AsTask(),
            (client, stop) => client.MergeUtf8Async("k", "5"u8.ToArray(), new() { IfVersion = 1 }, stop).AsTask(),
            (client, stop) => client.PatchAsync("k", new JsonPatch(), new() { IfVersion = 1 }, stop).AsTask(),
        ];
        foreach (Func<KestrelKvClient, CancellationToken, Task> call in calls)
        {
            Assert.Matches(
                "^{\"func\": \"PATCH\", \"params\": {\"obj\": \"k\", \"(merge|patch)\": (5|\\[\\]), \"if_version\": 1, \"request_id\": \"[A-Za-z0-9_-]{22}\\.1\", \"request_seq\": 1}}$",
                await RequestTexts.OfAsync(call, options => options.Retry = WriteRetry.ExactlyOnce));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("{\"a\": 1}}")]
    [InlineData("{'a': 1}")]
    [InlineData("{\"a\": 1}, \"if_version\": 1")]
    public async Task Merge_InvalidJson_IsRefused(string json) =>
        await RequestTexts.AssertInvalidAsync(client => client.MergeUtf8Async("k", Encoding.UTF8.GetBytes(json)).AsTask(), "json", "not valid JSON");

    [Fact]
    public async Task Merge_InvalidArguments_AreRefused()
    {
        await RequestTexts.AssertInvalidAsync(client => client.MergeUtf8Async("k", (byte[])[(byte)'"', 0xff, (byte)'"']).AsTask(), "json", "UTF-8");
        await RequestTexts.AssertInvalidAsync(client => client.MergeAsync("", 5).AsTask(), "key");
        await RequestTexts.AssertInvalidAsync(client => client.MergeUtf8Async("", "5"u8.ToArray()).AsTask(), "key");
        await RequestTexts.AssertInvalidAsync(client => client.MergeAsync("k", 5, new WriteOptions { Path = "/a" }).AsTask(), "options", "Path", "PATCH");
        await RequestTexts.AssertInvalidAsync(client => client.MergeUtf8Async("k", "5"u8.ToArray(), new() { Path = "" }).AsTask(), "options", "Path", "PATCH");
        await RequestTexts.AssertInvalidAsync(client => client.MergeAsync("k", 5, new WriteOptions { IfVersion = -1 }).AsTask(), "options", "IfVersion is -1");
        await RequestTexts.AssertInvalidAsync(client => client.MergeAsync("k", 5, (JsonTypeInfo<int>)null!).AsTask(), "type");
    }

    [Fact]
    public async Task Batch_PatchAndMerge_TakeTheSameOptions()
    {
        WriteOptions options = new() { Expiry = TimeSpan.FromSeconds(2), IfVersion = 3, ReturnOld = true };
        string parameters = await RequestTexts.ParametersAsync("BATCH", (client, stop) =>
        {
            Batch batch = client.CreateBatch();
            Assert.Throws<ArgumentException>(() => batch.Merge("k", 5, new() { Path = "/a" }));
            Assert.Throws<ArgumentException>(() => batch.Patch("k", new JsonPatch().Remove("/a"), new() { Path = "/a" }));
            Assert.Throws<ArgumentNullException>(() => batch.Patch("k", null!));
            return batch.Merge("k", 5, options).Patch("k", new JsonPatch().Copy("/a", "/b"), options).CommitAsync(cancellationToken: stop).AsTask();
        });
        const string tail = ", \"ttl\": 2, \"if_version\": 3, \"return_old\": true}}";
        Assert.Equal(
            $$"""
            "ops": [{"func": "PATCH", "params": {{{MergeStart}}5{{tail}}, {"func": "PATCH", "params": {{{PatchStart}}[{"op":"copy","path":"/b","from":"/a"}]{{tail}}]
            """, parameters);
    }

    private static Task<string> PatchAsync(JsonPatch patch) =>
        RequestTexts.ParametersAsync("PATCH", (client, stop) => client.PatchAsync("k", patch, default, stop).AsTask());

    private static Task<string> MergeAsync<T>(T patch, WriteOptions options) =>
        RequestTexts.ParametersAsync("PATCH", (client, stop) => client.MergeAsync("k", patch, options, stop).AsTask());

    private static Task<string> MergeTextAsync(string json, WriteOptions options) =>
        RequestTexts.ParametersAsync("PATCH", (client, stop) => client.MergeUtf8Async("k", Encoding.UTF8.GetBytes(json), options, stop).AsTask());

    private sealed record Item(string Name);
}
