using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>One key over HTTP, in both forms of its address.</summary>
public sealed class KeyTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private const int FrameBytesMax = 16 * 1024 * 1024;

    /// <summary>The beginning of a key's address in each form.</summary>
    public static TheoryData<string> Forms() => ["/v1/key?key=", "/v1/keys/"];

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task Key_OverHttpAndTheWire_IsTheSame(string form)
    {
        string key = "life" + form.Length;
        string target = form + key;
        (await SendAsync("GET", target)).AssertProblem(404, "not_found");
        Assert.Equal(404, (await SendAsync("HEAD", target)).Status);
        (await SendAsync("DELETE", target)).AssertProblem(404, "not_found");

        RawResponse created = await PutAsync(target, "{\"b\": 1.0, \"a\":1e400}");
        Assert.Equal(201, created.Status);
        Assert.Empty(created.Body);
        Assert.Equal($"/v1/key?key={key}", created.Headers["Location"]);
        Assert.Equal("{\"b\": 1.0, \"a\":1e400}", (await SendAsync("GET", created.Headers["Location"])).Text);

        RawResponse got = await SendAsync("GET", target);
        Assert.Equal(200, got.Status);
        Assert.Equal("{\"b\": 1.0, \"a\":1e400}", got.Text);
        Assert.Equal(created.ETag, got.ETag);
        Assert.StartsWith("application/json", got.Headers["Content-Type"], StringComparison.Ordinal);

        RawResponse head = await SendAsync("HEAD", target);
        Assert.Equal(200, head.Status);
        Assert.Empty(head.Body);
        Assert.Equal(got.ETag, head.ETag);
        Assert.Equal(got.Headers["Content-Length"], head.Headers["Content-Length"]);

        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.GetReply(key, "{\"b\": 1.0, \"a\":1e400}"), await wire.CallAsync(Frames.Get(key)));
        Assert.Equal(Frames.PutReply(key), await wire.CallAsync(Frames.Put(key, "\"by wire\"")));
        RawResponse changed = await SendAsync("GET", target);
        Assert.Equal("\"by wire\"", changed.Text);
        Assert.NotEqual(got.ETag, changed.ETag);

        RawResponse replaced = await PutAsync(target, "null");
        Assert.Equal(204, replaced.Status);
        Assert.NotEqual(changed.ETag, replaced.ETag);
        Assert.Equal("null", (await SendAsync("GET", target)).Text);

        Assert.Equal(204, (await SendAsync("DELETE", target)).Status);
        (await SendAsync("GET", target)).AssertProblem(404, "not_found");
        Assert.Equal(Frames.GetReply(key, "null"), await wire.CallAsync(Frames.Get(key)));
    }

    [Theory]
    [InlineData("1.0")]
    [InlineData("-0")]
    [InlineData("12345678901234567890123")]
    [InlineData("\"\\u00e9\"")]
    [InlineData("\"é😀\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("{ \"a\" : [ 1 , 2 ] ,\n\"a\": 2}")]
    [InlineData("\"<script>\\/\"")]
    public async Task Value_PutOverHttp_IsReturnedByteForByte(string value)
    {
        Assert.InRange((await PutAsync("/v1/key?key=bytes", $" \r\n\t{value}\n ")).Status, 201, 204);
        Assert.Equal(Encoding.UTF8.GetBytes(value), (await SendAsync("GET", "/v1/key?key=bytes")).Body);
    }

    [Fact]
    public async Task Value_OfTheMaximumLength_IsStoredAndOneByteMoreIsRefused()
    {
        byte[] value = [(byte)'"', .. Enumerable.Repeat((byte)'x', FrameBytesMax - 2), (byte)'"'];
        Assert.Equal(201, (await SendAsync("PUT", "/v1/key?key=longest", body: value)).Status);
        Assert.Equal(value, (await SendAsync("GET", "/v1/key?key=longest")).Body);
        Assert.Equal(204, (await SendAsync("DELETE", "/v1/key?key=longest")).Status);

        (await SendAsync("PUT", "/v1/key?key=longest", ["Content-Length: 16777217"])).AssertProblem(413);
        (await SendAsync("GET", "/v1/key?key=longest")).AssertProblem(404, "not_found");
    }

    [Theory]
    [InlineData("2147483647")]
    [InlineData("2147483648")]
    [InlineData("9223372036854775807")]
    public async Task Value_WithHugeContentLength_IsRefusedWithoutAllocation(string length)
    {
        long before = server.Process.ResidentBytes();
        (await SendAsync("PUT", "/v1/key?key=huge", [$"Content-Length: {length}"])).AssertProblem(413);
        Assert.True(server.Process.ResidentBytes() < before + 500_000_000);
    }

    [Fact]
    public async Task Value_TooLongInChunks_IsRefused()
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(server.Process.Admin, "v1/key?key=chunks"));
        request.Content = new StreamContent(new MemoryStream([.. Enumerable.Repeat((byte)' ', FrameBytesMax), (byte)'1']));
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage response = await http.SendAsync(request);
        Assert.Equal(413, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
    }

    [Theory]
    [InlineData("", "invalid_json")]
    [InlineData("{", "invalid_json")]
    [InlineData("NaN", "invalid_json")]
    [InlineData("1 2", "invalid_json")]
    [InlineData("{'a': 1}", "invalid_json")]
    [InlineData("\"\u00ff\"", "invalid_utf8")]
    public async Task Value_NotJson_IsRefusedAndNothingIsWritten(string body, string code)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(body);
        (await SendAsync("PUT", "/v1/key?key=not%20json", body: bytes)).AssertProblem(400, code);
        (await SendAsync("PUT", "/v1/keys/not%20json", body: bytes)).AssertProblem(400, code);
        (await SendAsync("GET", "/v1/key?key=not%20json")).AssertProblem(404, "not_found");
    }

    [Fact]
    public async Task Value_NestedTooDeep_IsRefused()
    {
        string deep = new string('[', 1024) + new string(']', 1024);
        Assert.InRange((await PutAsync("/v1/key?key=deep", deep)).Status, 201, 204);
        Assert.Equal(deep, (await SendAsync("GET", "/v1/key?key=deep")).Text);
        (await PutAsync("/v1/key?key=deep", $"[{deep}]")).AssertProblem(400, "too_deep");
        Assert.Equal(deep, (await SendAsync("GET", "/v1/key?key=deep")).Text);
    }

    [Theory]
    [InlineData("GET", "/nowhere", 404)]
    [InlineData("GET", "/v1", 404)]
    [InlineData("GET", "/v2/keys", 404)]
    [InlineData("POST", "/v1/key?key=a", 405)]
    [InlineData("PATCH", "/v1/keys/a", 415)]
    [InlineData("PATCH", "/v1/key?key=", 415)]
    [InlineData("GET", "/v1/batch", 405)]
    [InlineData("POST", "/v1/watch", 405)]
    [InlineData("POST", "/v1/keys", 405)]
    [InlineData("DELETE", "/v1/stats", 405)]
    [InlineData("GET", "/v1/key", 400)]
    [InlineData("PUT", "/v1/key", 400)]
    [InlineData("DELETE", "/v1/key", 400)]
    [InlineData("DELETE", "/v1/keys/", 405)]
    [InlineData("GET", "/v1/key?key=", 400)]
    [InlineData("GET", "/v1/key?key=a&key=b", 400)]
    [InlineData("GET", "/v1/keys?limit=many", 400)]
    [InlineData("GET", "/v1/keys?limit=", 400)]
    [InlineData("GET", "/v1/keys?limit=0", 400)]
    [InlineData("GET", "/v1/keys?limit=1001", 400)]
    [InlineData("GET", "/v1/keys?limit=99999999999", 400)]
    [InlineData("GET", "/v1/keys?values=perhaps", 400)]
    [InlineData("GET", "/v1/keys?prefix=a&prefix=b", 400)]
    [InlineData("GET", "/v1/keys?descending=perhaps", 400)]
    [InlineData("GET", "/v1/keys?key=a", 400)]
    [InlineData("GET", "/v1/count?limit=5", 400)]
    [InlineData("GET", "/v1/count?after=a&After=b", 400)]
    [InlineData("GET", "/v1/keys/a?key=b", 400)]
    [InlineData("GET", "/v1/key?key=a&pth=/b", 400)]
    public async Task BadRequest_WithAnyAcceptHeader_GetsAProblem(string method, string target, int status)
    {
        (await SendAsync(method, target)).AssertProblem(status);
        (await SendAsync(method, target, ["Accept: application/json"])).AssertProblem(status);
        (await SendAsync(method, target, ["Accept: text/html"])).AssertProblem(status);
    }

    [Fact]
    public async Task Body_OfAnyContentType_IsAccepted()
    {
        byte[] body = [(byte)'1'];
        Assert.Equal(201, (await SendAsync("PUT", "/v1/key?key=form", ["Content-Type: application/x-www-form-urlencoded"], body)).Status);
        Assert.Equal(201, (await SendAsync("PUT", "/v1/key?key=json", ["Content-Type: application/json; charset=utf-8"], body)).Status);
        Assert.Equal(201, (await SendAsync("PUT", "/v1/key?key=untold", [], body)).Status);
    }

    [Fact]
    public async Task InvalidParameter_IsNamedInTheProblem()
    {
        RawResponse response = await SendAsync("GET", "/v1/keys?limit=many");
        response.AssertProblem(400);
        Assert.Contains("limit", response.Text, StringComparison.Ordinal);
        Assert.Contains("many", response.Text, StringComparison.Ordinal);
    }

    private Task<RawResponse> SendAsync(string method, string target, IEnumerable<string>? headers = null, byte[]? body = null) =>
        RawHttp.SendAsync(server.Process.Admin, method, target, headers, body);

    private Task<RawResponse> PutAsync(string target, string value) =>
        SendAsync("PUT", target, ["Content-Type: application/json"], Encoding.UTF8.GetBytes(value));
}
