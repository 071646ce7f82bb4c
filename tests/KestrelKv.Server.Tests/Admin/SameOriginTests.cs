namespace KestrelKv.Server.Tests.Admin;

/// <summary>
/// A page of another site can make a browser request a snapshot, a backup or a batch. The server refuses it before doing any work.
/// </summary>
public sealed class SameOriginTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private static readonly byte[] Batch = "{\"ops\": [{\"func\": \"INCR\", \"params\": {\"obj\": \"n\"}}]}"u8.ToArray();

    [Theory]
    [InlineData(403, "Sec-Fetch-Site: cross-site")]
    [InlineData(403, "Origin: http://evil.example")]
    [InlineData(400, "Sec-Fetch-Site: same-origin")]
    [InlineData(400)]
    public async Task Watch_FromAPage_IsAcceptedOnlyFromTheServersOrigin(int status, params string[] headers)
    {
        // An accepted request fails with a future version, because a successful stream would not end.
        RawResponse response = await server.Process.CallAsync("GET", "/v1/watch?from_version=1000000000", null, headers);
        response.AssertProblem(status, status == 403 ? "cross_origin" : "future_version");
    }

    [Theory]
    [InlineData(403, "Sec-Fetch-Site: cross-site")]
    [InlineData(403, "Origin: http://evil.example")]
    [InlineData(200, "Sec-Fetch-Site: same-origin")]
    [InlineData(200)]
    public async Task Touch_FromAPage_IsAcceptedOnlyFromTheServersOrigin(int status, params string[] headers)
    {
        await server.Process.CallAsync("PUT", "/v1/keys/touched?ttl=1000", "1");
        foreach (string target in (string[])["/v1/keys/touched", "/v1/key?key=touched"])
        {
            string touch = $"{target}{(target.Contains('?', StringComparison.Ordinal) ? '&' : '?')}touch=1";
            RawResponse response = await server.Process.CallAsync("GET", touch, null, headers);
            if (status == 403) response.AssertProblem(403, "cross_origin");
            else Assert.Equal(status, response.Status);
            Assert.Equal(status, (await server.Process.CallAsync("HEAD", touch, null, headers)).Status);
            Assert.Equal(200, (await server.Process.CallAsync("GET", target, null, headers)).Status);
        }
    }

    [Theory]
    [InlineData(200, "Sec-Fetch-Site: same-origin")]
    [InlineData(200, "Sec-Fetch-Site: none")]
    [InlineData(403, "Sec-Fetch-Site: same-site")]
    [InlineData(403, "Sec-Fetch-Site: cross-site")]
    [InlineData(403, "Sec-Fetch-Site: cross-site", "Origin: http://HOST")]
    [InlineData(200, "Origin: http://HOST")]
    [InlineData(200, "Origin: https://HOST")]
    [InlineData(403, "Origin: http://evil.example")]
    [InlineData(403, "Origin: http://localhost:1")]
    [InlineData(403, "Origin: null")]
    [InlineData(403, "Origin: http://HOST", "Origin: http://HOST")]
    [InlineData(200)]
    public async Task Request_FromAPage_IsAcceptedOnlyFromTheServersOrigin(int status, params string[] headers)
    {
        Uri admin = server.Process.Admin;
        string[] lines = [.. headers.Select(header => header.Replace("HOST", admin.Authority, StringComparison.Ordinal))];
        foreach ((string method, string path) in
            ((string, string)[])[("POST", "/v1/admin/snapshot"), ("GET", "/v1/admin/backup"), ("POST", "/v1/batch")])
        {
            RawResponse response = await RawHttp.SendAsync(
                admin, method, path, lines, path == "/v1/batch" ? Batch : method == "POST" ? [] : null);
            if (status == 403) response.AssertProblem(403, "cross_origin");
            else Assert.Equal(status, response.Status);
        }
    }
}
