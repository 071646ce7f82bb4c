using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>POST /v1/batch.</summary>
public sealed class BatchTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    [Fact]
    public async Task Batch_OfAllFunctions_ReturnsTheSameAsTheWire()
    {
        const string Ops =
            """
            [{"func": "PUT", "params": {"obj": "all/a", "val": {"n" : 1.50}, "expires_at": 4102444800, "meta": true, "return_old": true}},
             {"func": "PATCH", "params": {"obj": "all/a", "merge": {"b": [ 1 ]}}},
             {"func": "PATCH", "params": {"obj": "all/a", "patch": [{"op": "test", "path": "/b/0", "value": 1.0}]}},
             {"func": "INCR", "params": {"obj": "all/a", "path": "/n", "by": 0.25}},
             {"func": "EXPIRE", "params": {"obj": "all/a", "ttl": null}},
             {"func": "GET", "params": {"obj": "all/a", "meta": true}},
             {"func": "GET", "params": {"obj": "all/a", "path": "/none"}},
             {"func": "DELETE", "params": {"obj": "all/a", "return_old": true}},
             {"func": "DELETE", "params": {"obj": "all/nobody"}},
             {"func": "GET", "params": {"obj": "all/a"}}]
            """;
        RawResponse http = await server.Process.CallAsync("POST", "/v1/batch", $"{{\"ops\": {Ops}}}");
        Assert.Equal((200, "application/json"), (http.Status, http.Headers["Content-Type"]));
        long version = JsonDocument.Parse(http.Body).RootElement.GetProperty("version").GetInt64();

        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        string reply = await wire.CallAsync($"{{\"func\": \"BATCH\", \"params\": {{\"ops\": {Ops}}}}}");
        Assert.Equal(
            "{\"status\": \"OK\", \"response\": {\"func\": \"BATCH\", \"response\": "
            + http.Text.Replace($"\"version\": {version}", $"\"version\": {version + 1}", StringComparison.Ordinal) + "}}", reply);
        Assert.Contains("\"val\": {\"n\" : 1.75", http.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Batch_OfReads_HasNoVersion()
    {
        RawResponse response = await server.Process.CallAsync(
            "POST", "/v1/batch", "{\"ops\": [{\"func\": \"GET\", \"params\": {\"obj\": \"nobody\", \"meta\": true}}]}");
        Assert.Equal(
            "{\"version\": 0, \"results\": [{\"obj\": \"nobody\", \"val\": null, \"found\": false, \"version\": 0, \"expires_at\": null}]}",
            response.Text);
    }

    [Theory]
    [InlineData(
        "{\"func\": \"PUT\", \"params\": {\"obj\": \"all/there\", \"val\": 1, \"if_version\": 0}}", 412, "precondition_failed",
        "the entry has version")]
    [InlineData(
        "{\"func\": \"DELETE\", \"params\": {\"obj\": \"nobody\", \"if_exists\": true}}", 412, "precondition_failed",
        "the key does not exist")]
    [InlineData(
        "{\"func\": \"PUT\", \"params\": {\"obj\": \"nobody\", \"val\": 1, \"path\": \"/a\"}}", 404, "not_found", "the key does not exist")]
    [InlineData("{\"func\": \"PUT\", \"params\": {\"obj\": \"all/there\", \"val\": 1, \"path\": \"/a/b\"}}", 409, "path_not_found", "")]
    [InlineData(
        "{\"func\": \"PATCH\", \"params\": {\"obj\": \"all/there\", \"patch\": [{\"op\": \"test\", \"path\": \"\", \"value\": 0}]}}", 409,
        "test_failed", "operation 0")]
    [InlineData("{\"func\": \"INCR\", \"params\": {\"obj\": \"all/there\"}}", 409, "not_a_number", "")]
    [InlineData("{\"func\": \"INCR\", \"params\": {\"obj\": \"all/greatest\"}}", 409, "number_overflow", "")]
    [InlineData("{\"func\": \"PATCH\", \"params\": {\"obj\": \"nobody\", \"patch\": []}}", 404, "not_found", "the key does not exist")]
    [InlineData("{\"func\": \"GET\", \"params\": {}}", 400, "missing_parameter", "\"obj\" is missing")]
    [InlineData("{\"func\": \"GET\", \"params\": {\"obj\": 5}}", 400, "wrong_type", "\"obj\"")]
    [InlineData("{\"func\": \"GET\", \"params\": {\"obj\": \"\"}}", 400, "invalid_key", "")]
    [InlineData("{\"func\": \"GET\", \"params\": {\"obj\": \"a\", \"path\": \"a\"}}", 400, "invalid_value", "\"path\"")]
    [InlineData("{\"func\": \"GET\", \"params\": {\"obj\": \"a\", \"ack\": \"memory\"}}", 400, "unknown_parameter", "\"ack\"")]
    [InlineData("{\"func\": \"PUT\", \"params\": {\"obj\": \"a\", \"val\": 1, \"ttl\": 0}}", 400, "invalid_value", "\"ttl\"")]
    [InlineData("{\"func\": \"PUT\", \"params\": {\"obj\": \"a\", \"val\": 1, \"ttl\": 253402300799}}", 400, "invalid_value", "\"ttl\"")]
    [InlineData("{\"func\": \"SCAN\", \"params\": {}}", 400, "invalid_value", "expected GET, PUT, DELETE, PATCH, INCR or EXPIRE")]
    [InlineData("1", 400, "not_an_object", "")]
    public async Task Batch_WithAFailingOperation_ChangesNothingAndReportsItsIndex(string operation, int status, string code, string detail)
    {
        await server.Process.CallAsync("PUT", "/v1/keys/all/there", "{}");
        await server.Process.CallAsync("PUT", "/v1/keys/all/greatest", "9223372036854775807");
        RawResponse response = await server.Process.CallAsync(
            "POST", "/v1/batch",
            $"{{\"ops\": [{{\"func\": \"PUT\", \"params\": {{\"obj\": \"all/not done\", \"val\": 1}}}}, {operation}]}}");
        Assert.Equal(1, response.AssertProblem(status, code, detail).GetProperty("index").GetInt32());
        (await server.Process.CallAsync("GET", "/v1/keys/all/not%20done")).AssertProblem(404, "not_found");
    }

    [Theory]
    [InlineData("", "invalid_json", "the text is empty")]
    [InlineData("{", "invalid_json", "")]
    [InlineData("[]", "not_an_object", "expected {\"ops\": [...]}")]
    [InlineData("{}", "missing_parameter", "\"ops\" is missing")]
    [InlineData("{\"ops\": {}}", "wrong_type", "\"ops\"")]
    [InlineData("{\"ops\": []}", "invalid_value", "\"ops\" is empty")]
    [InlineData("{\"ops\": [], \"ops\": []}", "duplicate_parameter", "\"ops\"")]
    [InlineData("{\"func\": \"BATCH\", \"params\": {\"ops\": []}}", "unknown_parameter", "unknown parameter \"func\" of BATCH")]
    public async Task Body_NotABatch_IsRefused(string body, string code, string detail)
    {
        (await server.Process.CallAsync("POST", "/v1/batch", body)).AssertProblem(400, code, detail);
        (await server.Process.CallAsync("POST", "/v1/batch?ops=1", body)).AssertProblem(400, "unknown_parameter", "expected none");
    }

    [Fact]
    public async Task Body_NestedTooDeep_IsRefused()
    {
        string deep = new string('[', 1_025) + new string(']', 1_025);
        (await server.Process.CallAsync("POST", "/v1/batch", $"{{\"ops\": [{{\"func\": \"PUT\", \"params\": {{\"obj\": \"a\", \"val\": {deep}}}}}]}}"))
            .AssertProblem(400, "too_deep");
    }

    [Fact]
    public async Task Body_TooLong_IsRefused() =>
        (await RawHttp.SendAsync(server.Process.Admin, "POST", "/v1/batch", ["Content-Length: 16777217"])).AssertProblem(413);
}
