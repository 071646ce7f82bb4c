using System.Globalization;
using System.Text.Json;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>The feed as server-sent events.</summary>
public sealed class WatchTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    [Fact]
    public async Task Watch_FromNow_StartsWithABookmarkAndSendsChanges()
    {
        await PutAsync("now/before", "1");
        using EventReader events = await EventReader.OpenAsync(server.Process, "?prefix=now/");
        Assert.Equal(200, (int)events.Response.StatusCode);
        Assert.Equal("text/event-stream", events.Response.Content.Headers.ContentType!.ToString());
        Assert.True(events.Response.Headers.CacheControl!.NoStore);
        ServerEvent begin = await events.NextAsync("bookmark");
        Assert.Equal($"{{\"version\": {begin.Id}, \"changes\": []}}", begin.Data);

        await PutAsync("elsewhere", "1");
        long version = await PutAsync("now/a", "{\"b\": 1.0}", "?expires_at=4102444800.5");
        ServerEvent changes = await events.NextAsync("changes");
        Assert.Equal(begin.Id + 2, version);
        Assert.Equal(version, changes.Id);
        Assert.Equal(
            $"{{\"version\": {version}, \"changes\": [{{\"version\": {version}, \"kind\": \"put\", \"obj\": \"now/a\", \"expires_at\": 4102444800.5}}]}}",
            changes.Data);
    }

    [Fact]
    public async Task Watch_FromAVersion_SendsPastChangesBeforeNewOnes()
    {
        long first = await PutAsync("from/a", "1");
        await PutAsync("from/b", "1");
        await server.Process.CallAsync("DELETE", "/v1/keys/from/a");
        using EventReader events = await EventReader.OpenAsync(server.Process, $"?prefix=from/&from_version={first}");
        Assert.Equal(first - 1, (await events.NextAsync("bookmark")).Id);

        await PutAsync("from/c", "1");
        Assert.Equal(["put from/a", "put from/b", "delete from/a", "put from/c"], await ChangesAsync(events, 4));
    }

    [Fact]
    public async Task Watch_OfAllKinds_NamesThem()
    {
        using EventReader events = await EventReader.OpenAsync(server.Process, "?prefix=kinds/");
        await PutAsync("kinds/a", "{}");
        await server.Process.CallAsync("PATCH", "/v1/keys/kinds/a", "{\"b\": 1}", "Content-Type: application/merge-patch+json");
        await server.Process.CallAsync(
            "POST", "/v1/batch", "{\"ops\": [{\"func\": \"EXPIRE\", \"params\": {\"obj\": \"kinds/a\", \"expires_at\": 1}}]}");
        await PutAsync("kinds/b", "1");
        await server.Process.CallAsync("DELETE", "/v1/keys/kinds/b");
        await events.NextAsync("bookmark");
        List<string> changes = await ChangesAsync(events, 6);

        // The server decides when the expiry becomes a removal.
        Assert.Contains("expire kinds/a", changes.Skip(3));
        changes.Remove("expire kinds/a");
        Assert.Equal(["put kinds/a", "put kinds/a", "set_expiry kinds/a", "put kinds/b", "delete kinds/b"], changes);
    }

    [Theory]
    [InlineData("{\n  \"a\": [\n    1.0\n  ]\n}")]
    [InlineData("{\r\n\"a\":\r1,\"\\n\":\"\\r\\n\"\n}")]
    [InlineData("\"\\n\\ndata: no\"")]
    public async Task Value_WithLineEnds_StaysWithinItsEvent(string value)
    {
        using EventReader events = await EventReader.OpenAsync(server.Process, "?prefix=lines&values=true");
        await events.NextAsync("bookmark");
        await PutAsync("lines", value);
        ServerEvent changes = await events.NextAsync("changes");
        await PutAsync("lines", "\"next\"");
        ServerEvent next = await events.NextAsync("changes");

        Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(value).RootElement, ValueOf(changes)));
        Assert.Equal("next", ValueOf(next).GetString());

        static JsonElement ValueOf(ServerEvent changes) => changes.Json.GetProperty("changes")[0].GetProperty("val");
    }

    [Fact]
    public async Task LastEventId_OfAnEarlierStream_ResumesAfterIt()
    {
        long first = await PutAsync("resumed/0", "1");
        for (int i = 1; i < 20; i++) await PutAsync($"resumed/{i}", "1");
        List<string> received = [];
        string query = $"?prefix=resumed/&from_version={first}";
        for (long? last = null; received.Count < 20;)
        {
            // Each stream is abandoned after its first changes. The next must resume there and not at from_version.
            using EventReader events = await EventReader.OpenAsync(server.Process, query, last);
            Assert.Equal(last ?? first - 1, (await events.NextAsync("bookmark")).Id);
            ServerEvent changes = await events.NextAsync("changes");
            received.AddRange(changes.Changes);
            last = changes.Id;
            if (received.Count < 40) await PutAsync($"resumed/{20 + received.Count}", "1");
        }
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"put resumed/{i}"), received.Take(20));
    }

    [Fact]
    public async Task Bookmarks_WithoutMatchingChanges_ReportProgress()
    {
        using EventReader events = await EventReader.OpenAsync(server.Process, "?prefix=silent/&bookmark_interval=0.1");
        ServerEvent bookmark = await events.NextAsync("bookmark");
        long version = await PutAsync("loud", "1");
        while (bookmark.Id < version) bookmark = await events.NextAsync("bookmark");
        Assert.Equal($"{{\"version\": {bookmark.Id}, \"changes\": []}}", bookmark.Data);
        await events.NextAsync("bookmark");
    }

    [Fact]
    public async Task Batch_IsSentAsOneEvent()
    {
        using EventReader events = await EventReader.OpenAsync(server.Process, "?prefix=whole/");
        await events.NextAsync("bookmark");
        string ops = string.Join(
            ", ",
            Enumerable.Range(0, 1_000).Select(
                i => $"{{\"func\": \"PUT\", \"params\": {{\"obj\": \"whole/{i}{new string('k', 1_000)}\", \"val\": 1}}}}"));
        RawResponse batch = await server.Process.CallAsync("POST", "/v1/batch", $"{{\"ops\": [{ops}]}}");
        ServerEvent changes = await events.NextAsync("changes");
        Assert.Equal(1_000, changes.Changes.Count());
        Assert.Equal(JsonDocument.Parse(batch.Body).RootElement.GetProperty("version").GetInt64(), changes.Id);
    }

    [Theory]
    [InlineData("from_version=0", "invalid_value", "\"from_version\" is 0, expected an integer of 1 or more")]
    [InlineData("from_version=-1", "invalid_value", "\"from_version\" is -1")]
    [InlineData("from_version=one", "invalid_value", "\"from_version\" is \"one\"")]
    [InlineData("values=perhaps", "invalid_value", "\"values\" is \"perhaps\"")]
    [InlineData("bookmark_interval=0.09", "invalid_value", "\"bookmark_interval\" is 0.09, expected a number of seconds from 0.1 to 3600")]
    [InlineData("bookmark_interval=3601", "invalid_value", "\"bookmark_interval\" is 3601")]
    [InlineData("bookmark_interval=often", "invalid_value", "\"bookmark_interval\" is \"often\"")]
    [InlineData("prefix=a&prefix=b", "duplicate_parameter", "\"prefix\"")]
    [InlineData("prefx=a", "unknown_parameter", "\"prefx\" is unknown, expected prefix, from_version, values, bookmark_interval")]
    [InlineData("key=a", "unknown_parameter", "\"key\"")]
    public async Task Parameter_Invalid_IsRefused(string query, string code, string detail) =>
        (await server.Process.CallAsync("GET", "/v1/watch?" + query)).AssertProblem(400, code, detail);

    [Theory]
    [InlineData("x")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("9223372036854775807")]
    [InlineData("9223372036854775808")]
    public async Task LastEventId_Invalid_IsRefused(string id) =>
        (await server.Process.CallAsync("GET", "/v1/watch?from_version=1", null, $"Last-Event-ID: {id}")).AssertProblem(
            400, "invalid_header", "Last-Event-ID");

    [Fact]
    public async Task Version_InTheFuture_IsRefusedWithTheLastVersion()
    {
        await PutAsync("future", "1");
        JsonElement problem = (await server.Process.CallAsync("GET", "/v1/watch?from_version=1000000000")).AssertProblem(
            400, "future_version", "the last version is");
        Assert.InRange(problem.GetProperty("version").GetInt64(), 1, 1_000_000);
        (await server.Process.CallAsync("GET", "/v1/watch", null, "Last-Event-ID: 1000000000")).AssertProblem(400, "future_version");
    }

    private static async Task<List<string>> ChangesAsync(EventReader events, int count)
    {
        List<string> changes = [];
        while (changes.Count < count) changes.AddRange((await events.NextAsync("changes")).Changes);
        return changes;
    }

    private async Task<long> PutAsync(string key, string value, string query = "")
    {
        RawResponse put = await server.Process.CallAsync("PUT", $"/v1/keys/{key}{query}", value);
        Assert.InRange(put.Status, 201, 204);
        return long.Parse(put.ETag!.Trim('"'), CultureInfo.InvariantCulture);
    }
}
