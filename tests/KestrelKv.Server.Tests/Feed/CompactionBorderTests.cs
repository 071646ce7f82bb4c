using System.Globalization;
using System.Net;
using System.Text.Json;
using KestrelKv.Server.Tests.Histories;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>The first and the last version at which a watch can start, and the versions beyond them, with little history.</summary>
public sealed class CompactionBorderTests
{
    private static readonly string[] Settings =
        ["Data:SegmentBytes=1048576", "Data:HistoryBytes=2097152", "Data:SnapshotOnStop=false", "Store:FeedMemoryBytes=1048576"];

    [Fact]
    public async Task Watch_AtTheBorders_StartsOrReportsThem()
    {
        await using var lives = new Lives(Settings);
        await lives.BeginAsync();
        await FillAsync(lives.Server);
        (long oldest, long last) = await VersionsAsync(lives.Server);
        Assert.InRange(oldest, 2, last - 1);
        await AssertBordersAsync(lives.Server, oldest, last);

        await lives.KillAsync();
        await lives.BeginAsync();
        (long afterRestart, long start) = await VersionsAsync(lives.Server);
        Assert.Equal(oldest, afterRestart);
        Assert.InRange(start, last + 1, long.MaxValue);

        // New versions follow, the history before the kill is still available, and versions in between were never assigned.
        using (WireClient wire = await WireClient.ConnectAsync(lives.Server.WirePort)) await wire.CallAsync(Frames.Put("k", "1"));
        await AssertBordersAsync(lives.Server, oldest, start + 1);
        await AssertStartsAsync(lives.Server, last, hasChanges: true);
        await AssertIsLostAsync(lives.Server, last + 2);
        Assert.Equal((oldest, start + 1), await VersionsAsync(lives.Server));
    }

    /// <summary>Fills several segments. After the snapshot, recovery needs only the last one.</summary>
    private static async Task FillAsync(ServerProcess server)
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        string value = $"\"{new string('x', 50_000)}\"";
        for (int i = 0; i < 120; i++) Assert.Equal(Frames.PutReply("k"), await wire.CallAsync(Frames.Put("k", value)));
        await server.TryTakeSnapshotAsync();
    }

    private static async Task<(long Oldest, long Last)> VersionsAsync(ServerProcess server)
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        using JsonDocument reply = JsonDocument.Parse(await wire.CallAsync("""{"func": "INFO", "params": {}}"""));
        JsonElement info = reply.RootElement.GetProperty("response").GetProperty("response");
        return (info.GetProperty("oldest_version").GetInt64(), info.GetProperty("version").GetInt64());
    }

    private static async Task AssertBordersAsync(ServerProcess server, long oldest, long last)
    {
        JsonElement compacted = await RefusalAsync(server, oldest - 1, HttpStatusCode.Gone);
        Assert.Equal(
            ("compacted", oldest), (compacted.GetProperty("code").GetString(), compacted.GetProperty("oldest_version").GetInt64()));
        await AssertStartsAsync(server, oldest, hasChanges: true);
        await AssertStartsAsync(server, last, hasChanges: true);
        await AssertStartsAsync(server, last + 1, hasChanges: false);
        JsonElement future = await RefusalAsync(server, last + 2, HttpStatusCode.BadRequest);
        Assert.Equal(("future_version", last), (future.GetProperty("code").GetString(), future.GetProperty("version").GetInt64()));
    }

    /// <summary>Asserts that a watch from a version without a predecessor in the history ends with an error.</summary>
    private static async Task AssertIsLostAsync(ServerProcess server, long from)
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        string? reply = await wire.CallAsync(Request(from));
        if (!reply.Contains("\"error\"", StringComparison.Ordinal)) reply = await wire.ReceiveAsync();
        Assert.Contains("\"code\": \"compacted\"", reply, StringComparison.Ordinal);
        Assert.Contains($"version {from - 1} was lost in a crash or undone by a restore", reply, StringComparison.Ordinal);
    }

    /// <summary>
    /// Returns the error of a watch that is refused, which is the same over the wire and over HTTP, by parameter and by header.
    /// </summary>
    private static async Task<JsonElement> RefusalAsync(ServerProcess server, long from, HttpStatusCode status)
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        using JsonDocument reply = JsonDocument.Parse(await wire.CallAsync(Request(from)));
        JsonElement error = reply.RootElement.GetProperty("error");
        foreach (bool byHeader in (bool[])[false, true])
        {
            using HttpResponseMessage response = await GetAsync(server, from, byHeader);
            Assert.Equal(status, response.StatusCode);
            using JsonDocument problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
            foreach (JsonProperty member in error.EnumerateObject().Where(member => member.Name != "message"))
                Assert.Equal(member.Value.GetRawText(), problem.RootElement.GetProperty(member.Name).GetRawText());
        }
        return error.Clone();
    }

    private static async Task AssertStartsAsync(ServerProcess server, long from, bool hasChanges)
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        await wire.SendAsync(Frames.Of(Request(from)));
        Assert.Equal((from - 1, null), First(await wire.ReceiveAsync()));
        if (hasChanges) Assert.Equal(from, First(await wire.ReceiveAsync()).Change);

        foreach (bool byHeader in (bool[])[false, true])
        {
            using HttpResponseMessage response = await GetAsync(server, from, byHeader);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
            Assert.Equal("retry: 1000", await lines.ReadLineAsync());
            Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"id: {from - 1}"), await lines.ReadLineAsync());
            if (!hasChanges) continue;
            string? line;
            do line = await lines.ReadLineAsync();
            while (line is not null && !line.StartsWith("data: {", StringComparison.Ordinal) ||
                line!.EndsWith("[]}", StringComparison.Ordinal));
            Assert.Contains(
                string.Create(CultureInfo.InvariantCulture, $"\"changes\": [{{\"version\": {from}, "), line, StringComparison.Ordinal);
        }
    }

    /// <summary>Returns the version of a reply, and that of its first change.</summary>
    private static (long Version, long? Change) First(string? body)
    {
        using JsonDocument reply = JsonDocument.Parse(body!);
        JsonElement response = reply.RootElement.GetProperty("response").GetProperty("response");
        JsonElement changes = response.GetProperty("changes");
        return (
            response.GetProperty("version").GetInt64(), changes.GetArrayLength() > 0 ? changes[0].GetProperty("version").GetInt64() : null);
    }

    private static string Request(long from) =>
        string.Create(
            CultureInfo.InvariantCulture, $"{{\"func\": \"WATCH\", \"params\": {{\"from_version\": {from}, \"bookmark_interval\": 0.1}}}}");

    private static async Task<HttpResponseMessage> GetAsync(ServerProcess server, long from, bool byHeader)
    {
        using var http = new HttpClient();
        string parameter = byHeader ? "" : string.Create(CultureInfo.InvariantCulture, $"?from_version={from}");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Admin, $"v1/watch{parameter}"));
        if (byHeader) request.Headers.Add("Last-Event-ID", (from - 1).ToString(CultureInfo.InvariantCulture));
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }
}
