using System.Globalization;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>Expiry over HTTP: <c>?ttl=</c> and <c>?expires_at=</c> of PUT and PATCH.</summary>
public sealed class ExpiryTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private const string Header = "KestrelKv-Expires-At";
    private const string Merge = "Content-Type: application/merge-patch+json";

    [Theory]
    [InlineData("4102444800", "4102444800")]
    [InlineData("4102444800.5", "4102444800.5")]
    [InlineData("4102444800.0001", "4102444800.001")]
    [InlineData("4.1024448e9", "4102444800")]
    [InlineData("253402300799.999", "253402300799.999")]
    public async Task ExpiresAt_OfAPut_IsReturnedInMilliseconds(string given, string expected)
    {
        RawResponse put = await server.Process.CallAsync("PUT", $"/v1/keys/at?expires_at={given}", "{\"a\":1}");
        Assert.InRange(put.Status, 201, 204);
        Assert.Equal(expected, put.Headers[Header]);
        Assert.Equal(expected, (await server.Process.CallAsync("GET", "/v1/keys/at")).Headers[Header]);
        Assert.Equal(expected, (await server.Process.CallAsync("HEAD", "/v1/keys/at?path=/a")).Headers[Header]);
        Assert.Contains(
            $"\"expires_at\": {expected},", (await server.Process.CallAsync("GET", "/v1/keys?prefix=at")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ttl_OfAPut_IsCountedFromNow()
    {
        DateTimeOffset before = DateTimeOffset.UtcNow;
        RawResponse put = await server.Process.CallAsync("PUT", "/v1/keys/ttl?ttl=1000.5", "1");
        DateTimeOffset expiry = DateTimeOffset.UnixEpoch.AddSeconds(double.Parse(put.Headers[Header], CultureInfo.InvariantCulture));
        Assert.InRange(expiry, before.AddSeconds(1000.499), DateTimeOffset.UtcNow.AddSeconds(1000.502));
    }

    [Theory]
    [InlineData("GET", 200)]
    [InlineData("HEAD", 200)]
    [InlineData("GET", 304, "If-None-Match: *")]
    [InlineData("GET", 412, "If-Match: \"0\"")]
    public async Task Touch_OfARead_ExtendsTheExpiryAlone(string method, int status, params string[] headers)
    {
        RawResponse put = await server.Process.CallAsync("PUT", "/v1/keys/touch?ttl=1000", "1");
        DateTimeOffset before = DateTimeOffset.UtcNow;
        RawResponse read = await server.Process.CallAsync(method, "/v1/keys/touch?touch=2000.5", null, headers);
        Assert.Equal((status, put.Headers["ETag"]), (read.Status, (await server.Process.CallAsync("GET", "/v1/keys/touch")).Headers["ETag"]));

        string shown = (await server.Process.CallAsync("GET", "/v1/keys/touch?touch=1")).Headers[Header];
        DateTimeOffset expiry = DateTimeOffset.UnixEpoch.AddSeconds(double.Parse(shown, CultureInfo.InvariantCulture));
        Assert.InRange(expiry, before.AddSeconds(2000.499), DateTimeOffset.UtcNow.AddSeconds(2000.502));
        await server.Process.CallAsync("PUT", "/v1/keys/touch", "1");
        Assert.False((await server.Process.CallAsync("GET", "/v1/keys/touch?touch=60")).Headers.ContainsKey(Header));
    }

    [Fact]
    public async Task Ttl_Elapsed_RemovesTheKey()
    {
        Assert.Equal(201, (await server.Process.CallAsync("PUT", "/v1/keys/short?ttl=0.001", "{\"a\": 1}")).Status);
        await Wait.UntilAsync(
            async () => (await server.Process.CallAsync("GET", "/v1/keys/short")).Status == 404, () => "the key is still there");
        await AssertGoneAsync("short");
    }

    [Theory]
    [InlineData("-62135596800")]
    [InlineData("-1")]
    [InlineData("0")]
    [InlineData("0.001")]
    [InlineData("1")]
    [InlineData("1700000000.5")]
    public async Task ExpiresAt_InThePast_RemovesTheKey(string given)
    {
        await server.Process.CallAsync("PUT", "/v1/keys/past", "{\"a\": 1}");
        Assert.Equal(204, (await server.Process.CallAsync("PUT", $"/v1/keys/past?expires_at={given}", "{\"a\": 1}")).Status);
        await AssertGoneAsync("past");
    }

    [Fact]
    public async Task Expiry_AfterAPartialUpdate_IsKeptAndAfterAFullPutCleared()
    {
        await server.Process.CallAsync("PUT", "/v1/keys/kept?expires_at=4102444800", "{\"a\": 1}");
        RawResponse part = await server.Process.CallAsync("PUT", "/v1/keys/kept?path=/a", "2");
        RawResponse patched = await server.Process.CallAsync("PATCH", "/v1/keys/kept", "{\"b\": 2}", Merge);
        RawResponse other = await server.Process.CallAsync("PATCH", "/v1/keys/kept?expires_at=4102444801", "{}", Merge);
        RawResponse partToo = await server.Process.CallAsync("PUT", "/v1/keys/kept?path=&expires_at=4102444802", "{}");
        RawResponse whole = await server.Process.CallAsync("PUT", "/v1/keys/kept", "1");

        Assert.Equal(
            ["4102444800", "4102444800", "4102444801", "4102444802"],
            new[] { part, patched, other, partToo }.Select(response => response.Headers[Header]));
        Assert.False(whole.Headers.ContainsKey(Header));
        Assert.False((await server.Process.CallAsync("GET", "/v1/keys/kept")).Headers.ContainsKey(Header));
    }

    [Theory]
    [InlineData("ttl=0", "\"ttl\" is 0, expected a positive number of seconds")]
    [InlineData("ttl=-1", "\"ttl\" is -1, expected")]
    [InlineData("ttl=", "\"ttl\" is \"\", expected a positive number of seconds")]
    [InlineData("ttl=soon", "\"ttl\" is \"soon\", expected a positive number of seconds")]
    [InlineData("ttl=1,5", "\"ttl\" is \"1,5\", expected a positive number of seconds")]
    [InlineData("ttl=NaN", "\"ttl\" is \"NaN\"")]
    [InlineData("ttl=253402300799", "\"ttl\" ends after the year 9999")]
    [InlineData("ttl=253402300800", "\"ttl\" is 253402300800, expected a positive number of seconds that ends by the year 9999")]
    [InlineData("ttl=79228162514264337593543950335", "\"ttl\" is 79228162514264337593543950335")]
    [InlineData("ttl=1e99", "\"ttl\" is 1e99")]
    [InlineData(
        "expires_at=-62135596800.001", "\"expires_at\" is -62135596800.001, expected a Unix time in seconds in the years 1 to 9999")]
    [InlineData("expires_at=253402300800", "\"expires_at\" is 253402300800")]
    [InlineData("expires_at=tomorrow", "\"expires_at\" is \"tomorrow\"")]
    [InlineData("ttl=1&expires_at=1", "\"ttl\" and \"expires_at\" are both given")]
    public async Task Expiry_Invalid_IsRefusedAndNothingIsWritten(string query, string expected)
    {
        (await server.Process.CallAsync("PUT", $"/v1/keys/refused?{query}", "1")).AssertProblem(400, "invalid_value", expected);
        (await server.Process.CallAsync("PATCH", $"/v1/key?key=refused&{query}", "1", Merge)).AssertProblem(400, "invalid_value", expected);
        (await server.Process.CallAsync("GET", "/v1/keys/refused")).AssertProblem(404, "not_found");
    }

    [Theory]
    [InlineData("GET", "ttl=1", "expected path")]
    [InlineData("DELETE", "ttl=1", "expected none")]
    [InlineData("PATCH", "path=/a", "expected ttl, expires_at")]
    [InlineData("PUT", "tll=1", "expected path, ttl, expires_at")]
    public async Task Parameter_NotOfTheMethod_IsRefused(string method, string query, string expected) =>
        (await server.Process.CallAsync(method, $"/v1/keys/refused?{query}", "1", Merge)).AssertProblem(400, "unknown_parameter", expected);

    [Theory]
    [InlineData("ttl=null")]
    [InlineData("expires_at=null")]
    public async Task Expiry_Null_ClearsIt(string query)
    {
        await server.Process.CallAsync("PUT", "/v1/keys/never?expires_at=4102444800", "{}");
        RawResponse patched = await server.Process.CallAsync("PATCH", $"/v1/keys/never?{query}", "{}", Merge);
        Assert.Equal((204, false), (patched.Status, patched.Headers.ContainsKey(Header)));
    }

    private async Task AssertGoneAsync(string key)
    {
        (await server.Process.CallAsync("GET", $"/v1/keys/{key}?path=/a")).AssertProblem(404, "not_found");
        (await server.Process.CallAsync("DELETE", $"/v1/keys/{key}")).AssertProblem(404, "not_found");
        (await server.Process.CallAsync("PUT", $"/v1/keys/{key}?path=/a", "1")).AssertProblem(404, "not_found");
        (await server.Process.CallAsync("PATCH", $"/v1/keys/{key}", "[]", "Content-Type: application/json-patch+json"))
            .AssertProblem(404, "not_found");
        Assert.StartsWith(
            "{\"count\": 0,", (await server.Process.CallAsync("GET", $"/v1/count?prefix={key}")).Text, StringComparison.Ordinal);
        Assert.Equal(201, (await server.Process.CallAsync("PATCH", $"/v1/keys/{key}", "{\"b\": 1}", Merge)).Status);
        Assert.Equal(
            "{\"b\":1}", (await server.Process.CallAsync("GET", $"/v1/keys/{key}")).Text.Replace(" ", "", StringComparison.Ordinal));
    }
}
