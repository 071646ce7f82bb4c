using System.Text;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>Parts of values over HTTP: <c>?path=</c> of GET, HEAD and PUT.</summary>
public sealed class PartTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private const string Value = "{ \"a~/b\" : [1.0 , {\"x\":\"\\u00e9\", \"n\":null}],\"\": 2e0 , \"é\":false }";

    [Theory]
    [InlineData("", Value)]
    [InlineData("/a~0~1b", "[1.0 , {\"x\":\"\\u00e9\", \"n\":null}]")]
    [InlineData("/a~0~1b/0", "1.0")]
    [InlineData("/a~0~1b/1/x", "\"\\u00e9\"")]
    [InlineData("/a~0~1b/1/n", "null")]
    [InlineData("/", "2e0")]
    [InlineData("/é", "false")]
    public async Task Get_OfAPart_ReturnsItsExactText(string path, string expected)
    {
        RawResponse put = await server.Process.CallAsync("PUT", "/v1/keys/part/read", Value);
        foreach (string form in (string[])["/v1/keys/part/read?path=", "/v1/key?key=part/read&path="])
        {
            string target = form + Uri.EscapeDataString(path);
            RawResponse got = await server.Process.CallAsync("GET", target);
            Assert.Equal((200, expected, put.ETag), (got.Status, got.Text, got.ETag));

            RawResponse head = await server.Process.CallAsync("HEAD", target);
            Assert.Equal((200, "", put.ETag), (head.Status, head.Text, head.ETag));
            Assert.Equal($"{Encoding.UTF8.GetByteCount(expected)}", head.Headers["Content-Length"]);
            Assert.Equal(304, (await server.Process.CallAsync("GET", target, null, $"If-None-Match: {put.ETag}")).Status);
        }
    }

    [Theory]
    [InlineData("/none")]
    [InlineData("/a~0~1b/2")]
    [InlineData("/a~0~1b/-")]
    [InlineData("/a~0~1b/01")]
    [InlineData("/é/deeper")]
    public async Task Get_OfAMissingPart_DiffersFromAMissingKey(string path)
    {
        await server.Process.CallAsync("PUT", "/v1/keys/part/missing", Value);
        string query = "?path=" + Uri.EscapeDataString(path);
        (await server.Process.CallAsync("GET", "/v1/keys/part/missing" + query)).AssertProblem(
            404, "path_not_found", "the path does not exist in the value");
        Assert.Equal(404, (await server.Process.CallAsync("HEAD", "/v1/keys/part/missing" + query)).Status);
        (await server.Process.CallAsync("GET", "/v1/keys/part/nobody" + query)).AssertProblem(404, "not_found");
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("PUT")]
    public async Task Path_Invalid_IsRefused(string method)
    {
        string? body = method == "PUT" ? "1" : null;
        (await server.Process.CallAsync(method, "/v1/keys/part?path=a", body)).AssertProblem(400, "invalid_value", "\"path\": ");
        (await server.Process.CallAsync(method, "/v1/keys/part?path=/a~2", body)).AssertProblem(400, "invalid_value", "\"path\": ");
        (await server.Process.CallAsync(method, "/v1/keys/part?path=/a&path=/b", body)).AssertProblem(
            400, "duplicate_parameter", "\"path\" is given twice");
        (await server.Process.CallAsync(method, "/v1/keys/part?pth=/a", body)).AssertProblem(
            400, "unknown_parameter", "\"pth\" is unknown, expected path");
        (await server.Process.CallAsync("GET", "/v1/keys/part")).AssertProblem(404, "not_found");
    }

    [Fact]
    public async Task Put_OfAPart_KeepsAllOtherBytes()
    {
        RawResponse before = await server.Process.CallAsync("PUT", "/v1/keys/part/put", Value);
        RawResponse put = await server.Process.CallAsync("PUT", "/v1/keys/part/put?path=/a~0~1b/1/x", "  [ 1.50 ]\n");
        RawResponse added = await server.Process.CallAsync("PUT", "/v1/keys/part/put?path=/new", "\"\\/\"", $"If-Match: {put.ETag}");
        RawResponse stale = await server.Process.CallAsync("PUT", "/v1/keys/part/put?path=/new", "1", $"If-Match: {before.ETag}");

        Assert.Equal((204, 204), (put.Status, added.Status));
        Assert.NotEqual(before.ETag, put.ETag);
        stale.AssertProblem(412, "precondition_failed", $"the entry has version {added.ETag!.Trim('"')}");
        string text = (await server.Process.CallAsync("GET", "/v1/keys/part/put")).Text;
        Assert.StartsWith("{ \"a~/b\" : [1.0 , {\"x\":[ 1.50 ], \"n\":null}],\"\": 2e0 , \"é\":false", text, StringComparison.Ordinal);
        Assert.Equal("\"\\/\"", (await server.Process.CallAsync("GET", "/v1/keys/part/put?path=/new")).Text);
    }

    [Fact]
    public async Task Put_OfAnImpossiblePart_ChangesNothing()
    {
        RawResponse before = await server.Process.CallAsync("PUT", "/v1/keys/part/refused", Value);
        (await server.Process.CallAsync("PUT", "/v1/keys/part/refused?path=/none/deeper", "1")).AssertProblem(409, "path_not_found");
        (await server.Process.CallAsync("PUT", "/v1/keys/part/refused?path=/%C3%A9/deeper", "1")).AssertProblem(409, "path_not_found");
        (await server.Process.CallAsync("PUT", "/v1/keys/part/refused?path=/%C3%A9", "{")).AssertProblem(400, "invalid_json");
        (await server.Process.CallAsync("PUT", "/v1/keys/part/nobody?path=/a", "1")).AssertProblem(404, "not_found");
        (await server.Process.CallAsync("GET", "/v1/keys/part/nobody")).AssertProblem(404, "not_found");
        RawResponse now = await server.Process.CallAsync("GET", "/v1/keys/part/refused");
        Assert.Equal((Value, before.ETag), (now.Text, now.ETag));
    }
}
