using System.Text.Json;
using KestrelKv.Client.Tests.Connections;

namespace KestrelKv.Client.Tests.Replies;

/// <summary>How replies with several entries, counts and statistics become results and exceptions.</summary>
public sealed class ListReplyTests
{
    private static readonly DateTimeOffset Expiry = DateTimeOffset.UnixEpoch.AddSeconds(1.5);

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "MGET", "response": {"entries": [{"obj": "a", "val": 5, "found": true, "version": 3, "expires_at": 1.5}, {"obj": "b", "val": null, "found": false, "version": 0, "expires_at": null}]}}}""")]
    [InlineData("""{"response":{"response":{"entries":[{"expires_at":1.5,"version":3,"found":true,"val":5,"obj":"a"},{"found":false}]},"func":"MGET"},"status":"OK"}""")]
    [InlineData(""" { "id" : {"response": {"response": 7}} , "response" : { "more" : [{"response": 7}] , "response" : { "new" : {"entries": [1]} , "entries" : [ { "new" : [{"val": 1}] , "found" : true , "val" : 5 , "version" : 3 , "expires_at" : 15e-1 } , { } ] , "version" : 9 } } } """)]
    public async Task GetMany_AnySpelling_IsRead(string reply) =>
        Assert.Equal([new("a", true, 5, 3, Expiry), new("b", false, 0, 0, null)], await GetManyAsync(reply));

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "MGET", "response": {}}}""")]
    [InlineData("""{"status": "OK", "response": {"func": "MGET", "response": {"entries": []}}}""")]
    [InlineData("""{"status": "OK", "response": {"func": "MGET", "response": {"entries": [{"obj": "a", "found": false}]}}}""")]
    [InlineData("""{"status": "OK", "response": {"func": "MGET", "response": {"entries": [{"found": false}, {"found": false}, {"found": false}]}}}""")]
    public async Task GetMany_OtherNumberOfEntries_HasAnUnknownOutcome(string reply) =>
        Assert.Contains("expected 2", (await Assert.ThrowsAsync<OutcomeUnknownException>(() => GetManyAsync(reply))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("{\"entries\": [{\"obj\" \"a\"}]}")]
    [InlineData("{\"count\" 5, \"results\" []}")]
    [InlineData("{\"entries\": {}, \"count\": 5.5, \"results\": {}}")]
    public async Task ListsCountsAndBatches_ThatCannotBeRead_HaveAnUnknownOutcome(string response)
    {
        string reply = $$$"""{"status": "OK", "response": {"func": "F", "response": {{{response}}}}}""";
        await AssertUnknownAsync(client => client.GetManyAsync<int>(["a"]).AsTask());
        await AssertUnknownAsync(client => client.ScanKeysAsync("").ToListAsync().AsTask());
        await AssertUnknownAsync(client => client.CountAsync("").AsTask());
        await AssertUnknownAsync(client => client.CreateBatch().Delete("a").CommitAsync().AsTask());

        Task AssertUnknownAsync<T>(Func<KestrelKvClient, Task<T>> call) =>
            Assert.ThrowsAsync<OutcomeUnknownException>(() => ReplyTests.CallAsync(reply, call));
    }

    [Fact]
    public async Task GetMany_ValueOfAnotherType_IsAJsonException() => await Assert.ThrowsAsync<JsonException>(() => GetManyAsync(
        """{"status": "OK", "response": {"func": "MGET", "response": {"entries": [{"found": true, "val": "five"}, {"found": false}]}}}"""));

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "SCAN", "response": {"entries": [{"obj": "a", "val": 5, "version": 3, "expires_at": 1.5}, {"obj": "\u00e4\"", "val": 6, "version": 4, "expires_at": null}], "next": null, "version": 9}}}""")]
    [InlineData("""{"response":{"response":{"version":9,"next":null,"entries":[{"expires_at":1.5,"version":3,"val":5,"obj":"a"},{"version":4,"val":6,"obj":"ä\""}]},"func":"SCAN"},"status":"OK"}""")]
    [InlineData(""" { "response" : { "response" : { "new" : [{"obj": "b"}] , "entries" : [ { "new" : {"obj": "b"} , "obj" : "\u0061" , "val" : 5 , "version" : 3 , "expires_at" : 15e-1 } , { "obj" : "\u00E4\u0022" , "val" : 6 , "version" : 4 } ] } } } """)]
    public async Task Scan_AnySpelling_IsRead(string reply) => Assert.Equal(
        [new("a", true, 5, 3, Expiry), new("\u00e4\"", true, 6, 4, null)],
        await ReplyTests.CallAsync(reply, client => client.ScanAsync<int>("").ToListAsync().AsTask()));

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "SCAN", "response": {"entries": [{"obj": "a", "version": 3, "expires_at": 1.5}, {"obj": "b", "version": 4, "expires_at": null}], "next": null, "version": 9}}}""")]
    [InlineData("""{"response": {"response": {"next": null, "entries": [{"val": {"obj": "c"}, "expires_at": 1.5, "version": 3, "obj": "a"}, {"version": 4, "obj": "b"}]}}}""")]
    public async Task ScanKeys_AnySpelling_IsRead(string reply) => Assert.Equal(
        [new("a", 3, Expiry), new("b", 4, null)], await ReplyTests.CallAsync(reply, client => client.ScanKeysAsync("").ToListAsync().AsTask()));

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "SCAN", "response": {"entries": [{"obj": "a", "version": 3, "expires_at": null}, {"prefix": "b/", "keys": 12}, {"prefix": "\"/", "keys": 1}], "next": null, "version": 9}}}""")]
    [InlineData("""{"response":{"response":{"next":null,"entries":[{"obj":"a"},{"keys":12,"prefix":"b/"},{"new":{"keys":3},"keys":1,"prefix":"\u0022\/"}]}}}""")]
    public async Task ScanTree_AnySpelling_IsRead(string reply) => Assert.Equal(
        [new("a", false, 1), new("b/", true, 12), new("\"/", true, 1)],
        await ReplyTests.CallAsync(reply, client => client.ScanTreeAsync("", "/").ToListAsync().AsTask()));

    [Fact]
    public async Task ScanTree_SeveralPages_ContinuesAfterTheGroup()
    {
        var server = new ScriptedServer();
        await using KestrelKvClient client = server.CreateClient();
        Task<List<KeyNode>> scan = client.ScanTreeAsync("", "/", new() { Limit = 3, PageSize = 2 }).ToListAsync().AsTask();
        ScriptedConnection connection = await server.AcceptAsync();
        Assert.EndsWith("\"prefix\": \"\", \"meta\": true, \"limit\": 2, \"delimiter\": \"/\"}}", await connection.ReadAsync(), StringComparison.Ordinal);
        connection.Reply("""{"status": "OK", "response": {"func": "SCAN", "response": {"entries": [{"obj": "a"}, {"prefix": "b/", "keys": 12}], "next": "b/", "version": 9}}}""");
        Assert.EndsWith("\"prefix\": \"\", \"after\": \"b/\", \"meta\": true, \"limit\": 1, \"delimiter\": \"/\"}}", await connection.ReadAsync(), StringComparison.Ordinal);
        // The limit is reached, though there are more entries.
        connection.Reply("""{"response": {"response": {"next": "c/", "entries": [{"prefix": "c/", "keys": 2}]}}}""");
        Assert.Equal([new("a", false, 1), new("b/", true, 12), new("c/", true, 2)], await scan);
    }

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "SCAN", "response": {"entries": [], "next": null, "version": 9}}}""")]
    [InlineData("""{"status": "OK", "response": {"func": "SCAN", "response": {}}}""")]
    public async Task Scan_NoEntries_IsEmpty(string reply) =>
        Assert.Empty(await ReplyTests.CallAsync(reply, client => client.ScanAsync<int>("").ToListAsync().AsTask()));

    [Fact]
    public async Task Scan_EntryWithoutValue_IsAJsonException() => await Assert.ThrowsAsync<JsonException>(() => ReplyTests.CallAsync(
        """{"status": "OK", "response": {"func": "SCAN", "response": {"entries": [{"obj": "a"}], "next": null, "version": 9}}}""",
        client => client.ScanAsync<int>("").ToListAsync().AsTask()));

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "SCAN", "response": {"count": 5000000000, "version": 9}}}""")]
    [InlineData("""{"response":{"response":{"version":9,"count":5000000000},"func":"SCAN"},"status":"OK"}""")]
    [InlineData(""" { "response" : { "response" : { "new" : { "count" : 1 } , "count" : 5000000000 } } } """)]
    public async Task Count_AnySpelling_IsRead(string reply) =>
        Assert.Equal(5_000_000_000, await ReplyTests.CallAsync(reply, client => client.CountAsync("").AsTask()));

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "INFO", "response": {"version": "1.0", "keys": {"count": 7}}}}""")]
    [InlineData("""{"response":{"response":{"keys":{"count":7},"version":"1.0"},"func":"INFO"},"status":"OK"}""")]
    [InlineData(""" { "response" : { "new" : { "response" : 1 } , "response" : { "new" : [ ] , "keys" : { "count" : 7 } , "version" : "\u0031.0" } } } """)]
    public async Task Info_AnySpelling_IsRead(string reply)
    {
        JsonElement info = await ReplyTests.CallAsync(reply, client => client.InfoAsync().AsTask());
        Assert.Equal(("1.0", 7), (info.GetProperty("version").GetString(), info.GetProperty("keys").GetProperty("count").GetInt32()));
    }

    [Theory]
    [InlineData("forbidden", false)]
    [InlineData("replies_full", true)]
    [InlineData("not_found", false)]
    [InlineData("a_new_code", false)]
    public async Task Error_EachFunction_IsRefused(string code, bool isTransient)
    {
        foreach (Func<KestrelKvClient, Task> call in EachFunction())
        {
            string[] spellings =
            [
                ScriptedConnection.Error(code),
                $$$""" { "error" : { "new" : {"code": "x"} , "message" : "A message." , "code" : "{{{code}}}" } , "id" : 7 , "status" : "ERROR" } """,
            ];
            foreach (string reply in spellings)
            {
                RefusedException failure = await Assert.ThrowsAsync<RefusedException>(() => ReplyTests.CallAsync(reply, Returning(call)));
                Assert.Equal((code, isTransient, $"A message. ({code})"), (failure.Code, failure.IsTransient, failure.Message));
            }
        }
    }

    [Fact]
    public async Task DiskFailed_EachFunction_HasAnUnknownOutcomeWithTheCode()
    {
        foreach (Func<KestrelKvClient, Task> call in EachFunction())
        {
            Assert.Equal("disk_failed", (await Assert.ThrowsAsync<OutcomeUnknownException>(
                () => ReplyTests.CallAsync(ScriptedConnection.Error("disk_failed"), Returning(call)))).Code);
        }
    }

    private static IEnumerable<Func<KestrelKvClient, Task>> EachFunction() =>
    [
        client => client.GetManyAsync<int>(["a"]).AsTask(),
        client => client.ScanAsync<int>("").ToListAsync().AsTask(),
        client => client.ScanKeysAsync("").ToListAsync().AsTask(),
        client => client.ScanTreeAsync("", "/").ToListAsync().AsTask(),
        client => client.CountAsync("").AsTask(),
        client => client.InfoAsync().AsTask(),
    ];

    private static Func<KestrelKvClient, Task<bool>> Returning(Func<KestrelKvClient, Task> call) => async client =>
    {
        await call(client);
        return true;
    };

    private static Task<IReadOnlyList<Entry<int>>> GetManyAsync(string reply) =>
        ReplyTests.CallAsync(reply, client => client.GetManyAsync<int>(["a", "b"]).AsTask());
}
