using System.Text;
using System.Text.Json;
using KestrelKv.Client.Tests.Connections;

namespace KestrelKv.Client.Tests.Replies;

/// <summary>How the reply to a batch becomes its results.</summary>
public sealed class BatchReplyTests
{
    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "BATCH", "response": {"version": 10, "results": [{"obj": "a", "val": 5, "found": true, "version": 3, "expires_at": 1.5}, {"obj": "b", "response": "ok", "found": true, "version": 10, "expires_at": null, "old": [1, 2]}, {"obj": "c", "val": 42, "found": false, "version": 10, "expires_at": null}]}}}""")]
    [InlineData("""{"response":{"response":{"results":[{"expires_at":1.5,"version":3,"found":true,"val":5,"obj":"a"},{"old":[1, 2],"version":10,"found":true,"response":"ok","obj":"b"},{"version":10,"val":42}],"version":10},"func":"BATCH"},"status":"OK"}""")]
    [InlineData(""" { "new" : [{"response": 1}] , "response" : { "new" : {"response": 1} , "response" : { "new" : {"results": [{}], "version": 7} , "results" : [ { "new" : {"val": 6} , "obj" : "\u0061" , "val" : 5 , "found" : true , "version" : 3 , "expires_at" : 15e-1 } , { "old" : [1, 2] , "found" : true , "version" : 10 } , { "val" : 42 , "version" : 10 } ] , "version" : 10 } } } """)]
    public async Task Commit_AnySpelling_IsRead(string reply)
    {
        BatchResult result = await CommitAsync(reply);
        Assert.Equal((WriteStatus.Applied, true, 10, null), (result.Status, result.Applied, result.Version, result.FailedIndex));
        Assert.Equal(new("a", true, 5, 3, DateTimeOffset.UnixEpoch.AddSeconds(1.5)), result.GetEntry<int>(0));
        WriteResult write = result.GetWrite(1);
        Assert.Equal((true, true, 10, null, "[1, 2]"), (write.Applied, write.Existed, write.Version, write.ExpiresAt, Encoding.UTF8.GetString(write.Old.Span)));
        IncrementResult<long> sum = result.GetIncrement(2);
        Assert.Equal((true, 42, false, 10, null), (sum.Applied, sum.Value, sum.Existed, sum.Version, sum.ExpiresAt));
    }

    [Fact]
    public async Task Commit_MissingMembers_HaveTheirDefaults()
    {
        BatchResult result = await CommitAsync("""{"status": "OK", "response": {"func": "BATCH", "response": {"results": [{}, {}, {}]}}}""");
        Assert.Equal((true, 0), (result.Applied, result.Version));
        Assert.Equal((false, 0, 0, null), (result.GetWrite(1).Existed, result.GetWrite(1).Version, result.GetWrite(1).Old.Length, result.GetWrite(1).ExpiresAt));
        Assert.Throws<JsonException>(() => result.GetIncrement(0));
    }

    [Theory]
    [InlineData("""{"status": "OK", "response": {"func": "BATCH", "response": {"version": 10, "results": []}}}""")]
    [InlineData("""{"status": "OK", "response": {"func": "BATCH", "response": {"version": 10, "results": null}}}""")]
    [InlineData("""{"status": "OK", "response": {"func": "BATCH", "response": {"version": "10", "results": [{}, {}, {}]}}}""")]
    [InlineData("""{"status": "OK", "response": {"func": "BATCH", "response": {}}}""")]
    public async Task Commit_WithoutAResultPerOperation_OutcomeIsUnknown(string reply) =>
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => CommitAsync(reply));

    [Fact]
    public async Task Commit_OperationAddedMeanwhile_HasTheResultsOfTheOthers()
    {
        var server = new ScriptedServer();
        await using KestrelKvClient client = server.CreateClient();
        Batch batch = client.CreateBatch().Put("a", 1);
        Task<BatchResult> commit = batch.CommitAsync().AsTask();
        batch.Put("b", 2);
        ScriptedConnection connection = await server.AcceptAsync();
        Assert.DoesNotContain("\"b\"", await connection.ReadAsync(), StringComparison.Ordinal);
        connection.Reply("""{"status": "OK", "response": {"func": "BATCH", "response": {"version": 10, "results": [{}]}}}""");
        Assert.True((await commit).Applied);
    }

    [Fact]
    public async Task GetEntry_NoSuchOperation_IsRefused()
    {
        BatchResult result = await CommitAsync("""{"status": "OK", "response": {"func": "BATCH", "response": {"results": [{}, {}, {}]}}}""");
        Assert.Throws<ArgumentOutOfRangeException>(() => result.GetEntry<int>(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => result.GetWrite(-1));
    }

    [Theory]
    [InlineData("""{"status": "ERROR", "error": {"code": "precondition_failed", "message": "A message.", "index": 2, "version": 9}}""", 9)]
    [InlineData(""" { "error" : { "new" : {"index": 5} , "version" : 9 , "index" : 2 , "code" : "precondition_failed" } , "status" : "ERROR" } """, 9)]
    [InlineData("""{"error":{"index":2,"message":"A message.","code":"precondition_failed"}}""", 0)]
    public async Task Commit_PreconditionFailed_HasNoResults(string reply, long version)
    {
        BatchResult result = await CommitAsync(reply);
        Assert.Equal((WriteStatus.PreconditionFailed, false, 2, version), (result.Status, result.Applied, result.FailedIndex, result.Version));
        foreach (Action read in (Action[])[() => result.GetEntry<int>(0), () => result.GetWrite(0), () => result.GetIncrement(0)])
            Assert.Contains("operation 2", Assert.Throws<InvalidOperationException>(read).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commit_OtherError_IsRefusedWithTheIndex()
    {
        RefusedException failure = await Assert.ThrowsAsync<RefusedException>(() => CommitAsync(ScriptedConnection.Error("not_a_number", ", \"index\": 1")));
        Assert.Equal(("not_a_number", 1, null), (failure.Code, failure.Index, failure.Version));
        Assert.Equal("disk_failed", (await Assert.ThrowsAsync<OutcomeUnknownException>(() => CommitAsync(ScriptedConnection.Error("disk_failed")))).Code);
    }

    private static Task<BatchResult> CommitAsync(string reply) => ReplyTests.CallAsync(
        reply, client => client.CreateBatch().Get("a").PutUtf8("b", "1"u8.ToArray(), new() { ReturnOld = true }).Increment("c").CommitAsync().AsTask());
}
