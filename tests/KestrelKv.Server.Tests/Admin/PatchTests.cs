namespace KestrelKv.Server.Tests.Admin;

/// <summary>PATCH over HTTP.</summary>
public sealed class PatchTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private const string Merge = "Content-Type: application/merge-patch+json";
    private const string Json = "Content-Type: application/json-patch+json";
    private const string Value = "{ \"n\" : 1.0,\"s\":\"\\u00e9\\/\" , \"list\":[ 1 , 2.50 ], \"n2\": 12345678901234567890 }";

    [Theory]
    [InlineData("/v1/key?key=patch/forms")]
    [InlineData("/v1/keys/patch/forms")]
    public async Task MergePatch_OfAMember_KeepsAllOtherBytes(string target)
    {
        await server.Process.CallAsync("PUT", target, Value);
        RawResponse patched = await server.Process.CallAsync("PATCH", target, " {\"list\": {\"x\" : 1E2}} \n", Merge);
        Assert.Equal((204, ""), (patched.Status, patched.Text));
        RawResponse got = await server.Process.CallAsync("GET", target);
        Assert.Equal("{ \"n\" : 1.0,\"s\":\"\\u00e9\\/\" , \"list\":{\"x\" : 1E2}, \"n2\": 12345678901234567890 }", got.Text);
        Assert.Equal(patched.ETag, got.ETag);
    }

    [Fact]
    public async Task JsonPatch_OfAnElement_KeepsAllOtherBytes()
    {
        await server.Process.CallAsync("PUT", "/v1/keys/patch/json", Value);
        const string Patch = "[{\"op\":\"test\",\"path\":\"/n\",\"value\":1},{\"op\":\"replace\",\"path\":\"/list/0\",\"value\":\"one\"}]";
        Assert.Equal(204, (await server.Process.CallAsync("PATCH", "/v1/keys/patch/json", Patch, Json + "; charset=utf-8")).Status);
        Assert.Equal(
            "{ \"n\" : 1.0,\"s\":\"\\u00e9\\/\" , \"list\":[ \"one\" , 2.50 ], \"n2\": 12345678901234567890 }",
            (await server.Process.CallAsync("GET", "/v1/keys/patch/json")).Text);
    }

    [Fact]
    public async Task Patch_OfAMissingKey_CreatesItForMergeAndIsRefusedForJsonPatch()
    {
        (await server.Process.CallAsync("PATCH", "/v1/keys/patch/new", "[]", Json)).AssertProblem(
            404, "not_found", "the key does not exist");
        RawResponse created = await server.Process.CallAsync("PATCH", "/v1/keys/patch/new", "{\"a\": null, \"b\": 1}", Merge);
        Assert.Equal((201, "/v1/key?key=patch%2Fnew"), (created.Status, created.Headers["Location"]));
        RawResponse got = await server.Process.CallAsync("GET", "/v1/keys/patch/new?path=/b");
        Assert.Equal(("1", created.ETag), (got.Text, got.ETag));
        (await server.Process.CallAsync("GET", "/v1/keys/patch/new?path=/a")).AssertProblem(404, "path_not_found");
    }

    [Theory]
    [InlineData("[{\"op\":\"test\",\"path\":\"/n\",\"value\":2}]", 409, "test_failed", "operation 0")]
    [InlineData(
        "[{\"op\":\"remove\",\"path\":\"/n\"},{\"op\":\"test\",\"path\":\"/list/1\",\"value\":2}]", 409, "test_failed", "operation 1")]
    [InlineData(
        "[{\"op\":\"remove\",\"path\":\"/n\"},{\"op\":\"test\",\"path\":\"/n\",\"value\":1}]", 409, "path_not_found", "operation 1")]
    [InlineData("[{\"op\":\"remove\",\"path\":\"/none\"}]", 409, "path_not_found", "operation 0")]
    [InlineData("[{\"op\":\"add\",\"path\":\"/list/9\",\"value\":2}]", 409, "path_not_found", "operation 0")]
    [InlineData("[{\"op\":\"move\",\"path\":\"/n\",\"from\":\"/none\"}]", 409, "path_not_found", "operation 0")]
    [InlineData("[{\"op\":\"tst\",\"path\":\"/n\"}]", 400, "invalid_value", "\"op\" is \"tst\", expected")]
    [InlineData("[{\"op\":\"add\",\"path\":\"/n\"}]", 400, "invalid_value", "value")]
    [InlineData("[{\"op\":\"remove\",\"path\":\"n\"}]", 400, "invalid_value", "path")]
    [InlineData("{\"op\":\"remove\",\"path\":\"/n\"}", 400, "wrong_type", "array")]
    [InlineData("[1]", 400, "invalid_value", "operation 0")]
    [InlineData("[", 400, "invalid_json", "")]
    [InlineData("", 400, "invalid_json", "empty")]
    public async Task JsonPatch_Failing_ChangesNothing(string patch, int status, string code, string detail)
    {
        RawResponse before = await server.Process.CallAsync("PUT", "/v1/keys/patch/refused", Value);
        (await server.Process.CallAsync("PATCH", "/v1/keys/patch/refused", patch, Json)).AssertProblem(status, code, detail);
        RawResponse now = await server.Process.CallAsync("GET", "/v1/keys/patch/refused");
        Assert.Equal((Value, before.ETag), (now.Text, now.ETag));
    }

    [Theory]
    [InlineData("", "invalid_json")]
    [InlineData("{'a': 1}", "invalid_json")]
    [InlineData("{\"a\": 1} 2", "invalid_json")]
    public async Task MergePatch_NotJson_IsRefused(string patch, string code) =>
        (await server.Process.CallAsync("PATCH", "/v1/keys/patch/none", patch, Merge)).AssertProblem(400, code);

    [Theory]
    [InlineData(null, "the Content-Type is not given")]
    [InlineData(
        "application/json", "the Content-Type is application/json, expected application/merge-patch+json or application/json-patch+json")]
    [InlineData("application/x-www-form-urlencoded", "the Content-Type is application/x-www-form-urlencoded")]
    [InlineData("merge", "the Content-Type is merge")]
    public async Task Patch_OfAnotherContentType_IsRefusedWithTheAcceptedTypes(string? type, string detail)
    {
        RawResponse response = await server.Process.CallAsync(
            "PATCH", "/v1/keys/patch/type", "{}", type is null ? [] : [$"Content-Type: {type}"]);
        response.AssertProblem(415, "unsupported_patch", detail);
        Assert.Equal("application/merge-patch+json, application/json-patch+json", response.Headers["Accept-Patch"]);
        (await server.Process.CallAsync("GET", "/v1/keys/patch/type")).AssertProblem(404, "not_found");
    }

    [Theory]
    [InlineData("If-Match: #", 204)]
    [InlineData("If-Match: \"0\", #", 204)]
    [InlineData("If-Match: *", 204)]
    [InlineData("If-None-Match: \"0\"", 204)]
    [InlineData("If-Match: \"0\"", 412)]
    [InlineData("If-None-Match: *", 412)]
    [InlineData("If-None-Match: #", 412)]
    [InlineData("If-Match: 5", 400)]
    public async Task Patch_WithAConditionOnAnExistingKey_IsExecutedIfItHolds(string header, int status)
    {
        RawResponse before = await server.Process.CallAsync("PUT", "/v1/keys/patch/condition", "{\"a\":1}");
        string line = header.Replace("#", before.ETag, StringComparison.Ordinal);
        foreach ((string type, string patch) in
            (KeyValuePair<string, string>[])[new(Merge, "{\"a\":2}"), new(Json, "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":2}]")])
        {
            RawResponse patched = await server.Process.CallAsync("PATCH", "/v1/keys/patch/condition", patch, type, line);
            Assert.Equal(status, patched.Status);
            if (status == 400) patched.AssertProblem(400, "invalid_header");
            if (status == 412)
                Assert.Equal(before.ETag, $"\"{patched.AssertProblem(412, "precondition_failed").GetProperty("version")}\"");
            RawResponse now = await server.Process.CallAsync("GET", "/v1/keys/patch/condition");
            Assert.Equal(status == 204 ? ("{\"a\":2}", patched.ETag) : ("{\"a\":1}", before.ETag), (now.Text, now.ETag));
            if (status == 204) before = await server.Process.CallAsync("PUT", "/v1/keys/patch/condition", "{\"a\":1}");
            line = header.Replace("#", before.ETag, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Patch_WithAConditionOnAMissingKey_IsExecutedIfItHolds()
    {
        RawResponse refused = await server.Process.CallAsync("PATCH", "/v1/keys/patch/absent", "{}", Merge, "If-Match: *");
        Assert.Equal(0, refused.AssertProblem(412, "precondition_failed", "the key does not exist").GetProperty("version").GetInt64());
        Assert.Equal(201, (await server.Process.CallAsync("PATCH", "/v1/keys/patch/absent", "{}", Merge, "If-None-Match: *")).Status);
    }

    [Fact]
    public async Task Patch_MakingTheValueTooLong_IsRefused()
    {
        string half = new('x', 9 * 1024 * 1024);
        await server.Process.CallAsync("PUT", "/v1/keys/patch/long", $"{{\"a\":\"{half}\"}}");
        (await server.Process.CallAsync("PATCH", "/v1/keys/patch/long", $"{{\"b\":\"{half}\"}}", Merge)).AssertProblem(
            413, "value_too_long");
        (await server.Process.CallAsync("GET", "/v1/keys/patch/long?path=/b")).AssertProblem(404, "path_not_found");
    }
}
