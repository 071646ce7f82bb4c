using KestrelKv.Client.Tests.Connections;

namespace KestrelKv.Client.Tests.Replies;

/// <summary>How replies become results and exceptions.</summary>
public sealed class ReplyTests
{
    [Fact]
    public async Task Get_LatestExpiryOfTheServer_IsRead()
    {
        Entry<int> entry = await CallAsync(
            """{"status": "OK", "response": {"func": "GET", "response": {"obj": "k", "val": 5, "found": true, "version": 3, "expires_at": 253402300799.999}}}""",
            client => client.GetAsync<int>("k").AsTask());
        Assert.Equal(DateTimeOffset.MaxValue.ToUnixTimeMilliseconds(), entry.ExpiresAt!.Value.ToUnixTimeMilliseconds());
    }

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "GET", "response": {"obj": "k", "val": 5, "found": true, "version": 3, "expires_at": 1.5}}}""")]
    [InlineData("""{"response":{"response":{"expires_at":1.5,"version":3,"found":true,"val":5,"obj":"k"},"func":"GET"},"status":"OK"}""")]
    [InlineData(""" { "id" : 7 , "response" : { "response" : { "new" : [{"val": 1}] , "val" : 5 , "found" : true , "version" : 3 , "expires_at" : 15e-1 } } } """)]
    public async Task Get_AnySpelling_IsRead(string reply)
    {
        Entry<int> entry = await CallAsync(reply, client => client.GetAsync<int>("k").AsTask());
        Assert.Equal(new("k", true, 5, 3, DateTimeOffset.UnixEpoch.AddSeconds(1.5)), entry);
    }

    [Fact]
    public async Task Get_Missing_IsAResult() => Assert.Equal(new("k", false, 0, 0, null), await CallAsync(
        """{"status": "OK", "response": {"func": "GET", "response": {"obj": "k", "val": null, "found": false, "version": 0, "expires_at": null}}}""",
        client => client.GetAsync<int>("k").AsTask()));

    [Theory]
    [InlineData("precondition_failed", WriteStatus.PreconditionFailed)]
    [InlineData("test_failed", WriteStatus.TestFailed)]
    [InlineData("not_found", WriteStatus.NotFound)]
    [InlineData("path_not_found", WriteStatus.PathNotFound)]
    public async Task Write_ErrorThatIsAResult(string code, WriteStatus status)
    {
        string reply = ScriptedConnection.Error(code, ", \"version\": 9");
        WriteResult result = await CallAsync(reply, client => client.PutAsync("k", 1).AsTask());
        Assert.Equal((status, false, true, 9), (result.Status, result.Applied, result.Existed, result.Version));
        IncrementResult<long> sum = await CallAsync(reply, client => client.IncrementAsync("k").AsTask());
        Assert.Equal((status, false, 0L, 9), (sum.Status, sum.Applied, sum.Value, sum.Version));
        BatchResult batch = await CallAsync(
            ScriptedConnection.Error(code, ", \"index\": 2, \"version\": 9"), client => client.CreateBatch().Get("k").CommitAsync().AsTask());
        Assert.Equal((status, 2, 9), (batch.Status, batch.FailedIndex, batch.Version));
    }

    [Theory]
    [InlineData("conflict", true)]
    [InlineData("memory_full", true)]
    [InlineData("replies_full", true)]
    [InlineData("forbidden", false)]
    [InlineData("too_deep", false)]
    [InlineData("a_new_code", false)]
    public async Task Write_OtherError_IsRefused(string code, bool isTransient)
    {
        RefusedException failure = await Assert.ThrowsAsync<RefusedException>(
            () => CallAsync(ScriptedConnection.Error(code), client => client.PutAsync("k", 1).AsTask()));
        Assert.Equal((code, isTransient, $"A message. ({code})"), (failure.Code, failure.IsTransient, failure.Message));
    }

    [Fact]
    public async Task Write_DiskFailed_OutcomeUnknownWithTheCode() => Assert.Equal("disk_failed", (await Assert.ThrowsAsync<OutcomeUnknownException>(
        () => CallAsync(ScriptedConnection.Error("disk_failed"), client => client.PutAsync("k", 1).AsTask()))).Code);

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "GET", "response": {"val": 5, "found": true, "version": 3}, "new": {"response": {}}}}""")]
    [InlineData("""{"status": "OK", "new": {"response": {"response": {"found": false}}}, "response": {"func": "GET", "response": {"val": 5, "found": true, "version": 3}}}""")]
    [InlineData("""{"status": "OK", "response": {"new": {"response": {"found": false}}, "response": {"val": 5, "found": true, "version": 3}}}""")]
    [InlineData("""{"error": null, "response": {"response": {"val": 5, "found": true, "version": 3}}}""")]
    public async Task Reply_UnknownMembers_AreSkipped(string reply) =>
        Assert.Equal(new("k", true, 5, 3, null), await CallAsync(reply, client => client.GetAsync<int>("k").AsTask()));

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "F", "response": "ERROR - Function doesn't exist"}}""")]
    [InlineData("""{"response":{"response":"ERROR - Function doesn't exist","func":"F"},"status":"OK"}""")]
    [InlineData("""{"status": "OK", "response": {"func": "F", "response": null}}""")]
    [InlineData("""{"status": "OK", "response": {"func": "F", "response": [{}]}}""")]
    public async Task Reply_ResponseThatIsNoObject_HasAnUnknownOutcome(string reply)
    {
        await AssertUnknownAsync(client => client.GetAsync<int>("k").AsTask());
        await AssertUnknownAsync(client => client.GetUtf8Async("k").AsTask());
        await AssertUnknownAsync(client => client.PutAsync("k", 1).AsTask());
        await AssertUnknownAsync(client => client.IncrementAsync("k").AsTask());
        await AssertUnknownAsync(client => client.PatchAsync("k", new JsonPatch()).AsTask());
        await AssertUnknownAsync(client => client.CreateBatch().Get("k").CommitAsync().AsTask());
        await AssertUnknownAsync(client => client.GetManyAsync<int>(["k"]).AsTask());
        await AssertUnknownAsync(client => client.CountAsync("").AsTask());
        await AssertUnknownAsync(client => client.InfoAsync().AsTask());

        Task AssertUnknownAsync<T>(Func<KestrelKvClient, Task<T>> call) => Assert.ThrowsAsync<OutcomeUnknownException>(() => CallAsync(reply, call));
    }

    /// <summary>Returns the result of a call that the server answers with a reply.</summary>
    internal static async Task<T> CallAsync<T>(string reply, Func<KestrelKvClient, Task<T>> call)
    {
        var server = new ScriptedServer();
        await using KestrelKvClient client = server.CreateClient();
        Task<T> calling = call(client);
        ScriptedConnection connection = await server.AcceptAsync();
        await connection.ReadAsync();
        connection.Reply(reply);
        return await calling;
    }
}
