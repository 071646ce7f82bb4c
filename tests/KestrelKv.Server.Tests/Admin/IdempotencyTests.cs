using System.Text.Json;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>Retries of writes with an <c>Idempotency-Key</c>.</summary>
public sealed class IdempotencyTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private const string Merge = "Content-Type: application/merge-patch+json";
    private const string Increment = "{\"ops\":[{\"func\":\"INCR\",\"params\":{\"obj\":\"once/batch\"}}]}";

    [Fact]
    public async Task Put_Retried_GetsTheRecordedResponseAndIsNotExecuted()
    {
        RawResponse first = await server.Process.CallAsync("PUT", "/v1/keys/once/put?ttl=1000", "1", "Idempotency-Key: put-1");
        await server.Process.CallAsync("PUT", "/v1/keys/once/put", "2");
        RawResponse again = await server.Process.CallAsync("PUT", "/v1/keys/once/put?ttl=1000", "1", "Idempotency-Key: put-1");

        Assert.Equal((201, 201), (first.Status, again.Status));
        Assert.Equal(first.ETag, again.ETag);
        Assert.Equal(first.Headers["KestrelKv-Expires-At"], again.Headers["KestrelKv-Expires-At"]);
        Assert.Equal("2", (await server.Process.CallAsync("GET", "/v1/keys/once/put")).Text);
    }

    [Fact]
    public async Task Key_UsedForAnotherWrite_IsRefused()
    {
        Assert.Equal(201, (await server.Process.CallAsync("PUT", "/v1/keys/once/other", "1", "Idempotency-Key: other")).Status);
        (await server.Process.CallAsync("PUT", "/v1/keys/once/other", "2", "Idempotency-Key: other")).AssertProblem(
            422, "request_id_reused");
        (await server.Process.CallAsync("PUT", "/v1/keys/once/another", "1", "Idempotency-Key: other")).AssertProblem(
            422, "request_id_reused");
        (await server.Process.CallAsync("DELETE", "/v1/keys/once/other", null, "Idempotency-Key: other")).AssertProblem(
            422, "request_id_reused");
        (await server.Process.CallAsync("POST", "/v1/batch", Increment, "Idempotency-Key: other")).AssertProblem(422, "request_id_reused");
        Assert.Equal("1", (await server.Process.CallAsync("GET", "/v1/keys/once/other")).Text);
    }

    [Fact]
    public async Task Patch_Retried_IsExecutedOnce()
    {
        await server.Process.CallAsync("PUT", "/v1/keys/once/patch", "[]");
        string[] headers = ["Content-Type: application/json-patch+json", "Idempotency-Key: patch-1"];
        const string Append = "[{\"op\":\"add\",\"path\":\"/-\",\"value\":1}]";
        RawResponse first = await server.Process.CallAsync("PATCH", "/v1/keys/once/patch", Append, headers);
        RawResponse again = await server.Process.CallAsync("PATCH", "/v1/keys/once/patch", Append, headers);
        Assert.Equal((204, 204, first.ETag), (first.Status, again.Status, again.ETag));
        Assert.Equal("[1]", (await server.Process.CallAsync("GET", "/v1/keys/once/patch")).Text);
    }

    [Fact]
    public async Task Delete_Retried_GetsTheRecordedResponse()
    {
        await server.Process.CallAsync("PUT", "/v1/keys/once/delete", "1");
        Assert.Equal(204, (await server.Process.CallAsync("DELETE", "/v1/keys/once/delete", null, "Idempotency-Key: delete-1")).Status);
        await server.Process.CallAsync("PUT", "/v1/keys/once/delete", "2");
        Assert.Equal(204, (await server.Process.CallAsync("DELETE", "/v1/keys/once/delete", null, "Idempotency-Key: delete-1")).Status);
        Assert.Equal("2", (await server.Process.CallAsync("GET", "/v1/keys/once/delete")).Text);
    }

    [Fact]
    public async Task FailedPrecondition_Retried_GetsTheRecordedError()
    {
        await server.Process.CallAsync("PUT", "/v1/keys/once/refused", "1");
        string[] headers = ["If-None-Match: *", "Idempotency-Key: refused-1"];
        RawResponse first = await server.Process.CallAsync("PUT", "/v1/keys/once/refused", "2", headers);
        await server.Process.CallAsync("DELETE", "/v1/keys/once/refused");
        RawResponse again = await server.Process.CallAsync("PUT", "/v1/keys/once/refused", "2", headers);
        first.AssertProblem(412, "precondition_failed");
        Assert.Equal(first.Text, again.Text);
        (await server.Process.CallAsync("GET", "/v1/keys/once/refused")).AssertProblem(404, "not_found");
    }

    [Fact]
    public async Task Condition_OnOneVersion_IsAccepted()
    {
        string tag = (await server.Process.CallAsync("PUT", "/v1/keys/once/if", "0")).ETag!;
        RawResponse first = await server.Process.CallAsync("PUT", "/v1/keys/once/if", "1", $"If-Match: {tag}", "Idempotency-Key: if-1");
        RawResponse again = await server.Process.CallAsync("PUT", "/v1/keys/once/if", "1", $"If-Match: {tag}", "Idempotency-Key: if-1");
        Assert.Equal((204, 204, first.ETag), (first.Status, again.Status, again.ETag));
        Assert.Equal(204, (await server.Process.CallAsync("PUT", "/v1/keys/once/if", "2", "If-Match: *", "Idempotency-Key: if-2")).Status);
    }

    [Theory]
    [InlineData("If-Match: \"1\", \"2\"")]
    [InlineData("If-None-Match: \"1\"")]
    [InlineData("If-Match: W/\"1\"")]
    [InlineData("If-Match: *\r\nIf-None-Match: *")]
    public async Task Condition_OnSeveralVersions_IsRefused(string conditions)
    {
        RawResponse response = await server.Process.CallAsync(
            "PUT", "/v1/keys/once/many", "1", [.. conditions.Split("\r\n"), "Idempotency-Key: many-1"]);
        response.AssertProblem(400, "invalid_header", "with Idempotency-Key");
        (await server.Process.CallAsync("GET", "/v1/keys/once/many")).AssertProblem(404, "not_found");
    }

    [Fact]
    public async Task Key_InQuotes_EqualsTheUnquotedKey()
    {
        Assert.Equal(201, (await server.Process.CallAsync("PUT", "/v1/keys/once/quoted", "1", "Idempotency-Key: \"quoted-1\"")).Status);
        Assert.Equal(201, (await server.Process.CallAsync("PUT", "/v1/keys/once/quoted", "1", "Idempotency-Key: quoted-1")).Status);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("\"\"", 0)]
    [InlineData("x", 129)]
    public async Task Key_OfInvalidLength_IsRefused(string text, int length)
    {
        string header = $"Idempotency-Key: {(length == 0 ? text : new string(text[0], length))}";
        string detail = $"Idempotency-Key has {length} bytes, expected 1 to 128";
        (await server.Process.CallAsync("PUT", "/v1/keys/once/length", "1", header)).AssertProblem(400, "invalid_header", detail);
        (await server.Process.CallAsync("PATCH", "/v1/keys/once/length", "{}", Merge, header)).AssertProblem(400, "invalid_header", detail);
        (await server.Process.CallAsync("DELETE", "/v1/keys/once/length", null, header)).AssertProblem(400, "invalid_header", detail);
        (await server.Process.CallAsync("POST", "/v1/batch", Increment, header)).AssertProblem(400, "invalid_header", detail);
        (await server.Process.CallAsync("GET", "/v1/keys/once/length")).AssertProblem(404, "not_found");
    }

    [Fact]
    public async Task Key_GivenTwice_IsRefused()
    {
        RawResponse response = await server.Process.CallAsync(
            "PUT", "/v1/keys/once/twice", "1", "Idempotency-Key: a", "Idempotency-Key: a");
        response.AssertProblem(400, "invalid_header", "Idempotency-Key is given twice");
        (await server.Process.CallAsync("GET", "/v1/keys/once/twice")).AssertProblem(404, "not_found");
    }

    [Fact]
    public async Task Batch_Retried_GetsTheSameBytesAndIsCountedOnce()
    {
        long recorded = await RecordedAsync();
        string longest = $"Idempotency-Key: {new string('b', 128)}";
        RawResponse first = await server.Process.CallAsync("POST", "/v1/batch", Increment, longest);
        RawResponse again = await server.Process.CallAsync("POST", "/v1/batch", Increment, longest);
        Assert.Equal((200, first.Text), (first.Status, again.Text));
        Assert.Equal("1", (await server.Process.CallAsync("GET", "/v1/keys/once/batch")).Text);
        Assert.Equal(recorded + 1, await RecordedAsync());
    }

    [Fact]
    public async Task Batch_WithSequence_ReusesItsId()
    {
        long recorded = await RecordedAsync();
        string first = (await CallAsync(1)).Text;
        Assert.Equal(first, (await CallAsync(1)).Text);
        Assert.NotEqual(first, (await CallAsync(2)).Text);
        (await CallAsync(1)).AssertProblem(422, "request_id_reused", "\"request_seq\" is 1, expected 2 or more");
        Assert.Equal("2", (await server.Process.CallAsync("GET", "/v1/keys/once/slot")).Text);
        Assert.Equal(recorded + 1, await RecordedAsync());

        (await server.Process.CallAsync("POST", "/v1/batch", Body("\"request_seq\": 3"), "Idempotency-Key: slot")).AssertProblem(
            400, "missing_parameter", "request_id");

        Task<RawResponse> CallAsync(int sequence) =>
            server.Process.CallAsync("POST", "/v1/batch", Body($"\"request_id\": \"slot\", \"request_seq\": {sequence}"));
        static string Body(string more) => $"{{\"ops\": [{{\"func\": \"INCR\", \"params\": {{\"obj\": \"once/slot\"}}}}], {more}}}";
    }

    private async Task<long> RecordedAsync() =>
        JsonDocument.Parse((await server.Process.CallAsync("GET", "/v1/stats")).Body).RootElement.GetProperty("request_ids").GetInt64();
}
