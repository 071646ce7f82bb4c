using System.Text;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>If-Match and If-None-Match, RFC 9110, section 13.</summary>
public sealed class ConditionTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private const string Target = "/v1/key?key=condition";
    private const string Missing = "/v1/key?key=missing";

    /// <summary>Headers, with # for the key's entity tag, and the expected statuses of a read and a write.</summary>
    public static TheoryData<string, int, int> OnAnExistingKey() => new()
    {
        { "If-Match: \"#\"", 200, 204 },
        { "If-Match: *", 200, 204 },
        { "If-Match: \"0\", \"#\"", 200, 204 },
        { "If-Match: \"#\" , W/\"1\",\"x\"", 200, 204 },
        { "If-Match: \"0\"", 412, 412 },
        { "If-Match: \"0\", \"x\"", 412, 412 },
        { "If-Match: W/\"#\"", 412, 412 }, // If-Match uses the strong comparison.
        { "If-Match: \"#0\"", 412, 412 },
        { "If-Match: \"0\"\r\nIf-Match: \"#\"", 200, 204 },
        { "If-None-Match: \"#\"", 304, 412 },
        { "If-None-Match: *", 304, 412 },
        { "If-None-Match: W/\"#\"", 304, 412 }, // If-None-Match uses the weak comparison.
        { "If-None-Match: \"0\", \"#\"", 304, 412 },
        { "If-None-Match: \"0\"", 200, 204 },
        { "If-None-Match: \"0\", W/\"1\"", 200, 204 },
        { "If-Match: \"#\"\r\nIf-None-Match: \"#\"", 304, 412 },
        { "If-Match: \"#\"\r\nIf-None-Match: \"0\"", 200, 204 },
        { "If-Match: \"0\"\r\nIf-None-Match: \"#\"", 412, 412 },
    };

    public static TheoryData<string> Malformed() =>
    [
        "If-Match: #", "If-Match: \"#", "If-Match: #\"", "If-Match: '#'", "If-Match: \"#\" \"#\"", "If-Match: \"#\"; \"0\"",
        "If-Match: W\"#\"",
        "If-Match: ", "If-Match: any", "If-None-Match: #", "If-None-Match: \"0", "If-None-Match: none", "If-None-Match: ",
        "If-Match: \"#\"\r\nIf-None-Match: 0", "If-Match: **",
    ];

    [Theory]
    [MemberData(nameof(OnAnExistingKey))]
    public async Task Condition_OnAnExistingKey_AppliesToReadsAndWrites(string header, int read, int write)
    {
        string tag = await PutAsync("\"before\"");
        string[] headers = Headers(header, tag);
        RawResponse got = await SendAsync("GET", Target, headers);
        Assert.Equal(read, got.Status);
        Assert.Equal(tag, got.ETag);
        Assert.Equal(read == 200 ? "\"before\"" : "", read == 412 ? "" : got.Text);
        if (read == 412) got.AssertProblem(412, "precondition_failed");
        Assert.Equal(read, (await SendAsync("HEAD", Target, headers)).Status);

        RawResponse put = await SendAsync("PUT", Target, headers, "\"after\""u8.ToArray());
        Assert.Equal(write, put.Status);
        if (write == 412) put.AssertProblem(412, "precondition_failed");
        RawResponse now = await SendAsync("GET", Target);
        Assert.Equal(write == 204 ? "\"after\"" : "\"before\"", now.Text);
        Assert.Equal(write == 204 ? put.ETag : tag, now.ETag);

        tag = await PutAsync("\"before\"");
        RawResponse deleted = await SendAsync("DELETE", Target, Headers(header, tag));
        Assert.Equal(write, deleted.Status);
        Assert.Equal(write == 204 ? 404 : 200, (await SendAsync("GET", Target)).Status);
    }

    [Theory]
    [InlineData("If-Match: *", 412)]
    [InlineData("If-Match: \"0\"", 412)]
    [InlineData("If-None-Match: *", 201)]
    [InlineData("If-None-Match: \"0\", \"5\"", 201)]
    public async Task Condition_OnAMissingKey_AppliesToPutOnly(string header, int write)
    {
        // A condition is ignored if the response without it would be neither a success nor 412.
        (await SendAsync("GET", Missing, [header])).AssertProblem(404);
        (await SendAsync("DELETE", Missing, [header])).AssertProblem(404);

        RawResponse put = await SendAsync("PUT", Missing, [header], "1"u8.ToArray());
        Assert.Equal(write, put.Status);
        Assert.Equal(write == 201 ? 204 : 404, (await SendAsync("DELETE", Missing)).Status);
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task Condition_Malformed_IsRefusedAndNothingIsWritten(string header)
    {
        string tag = await PutAsync("\"before\"");
        string[] headers = Headers(header, tag);
        (await SendAsync("GET", Target, headers)).AssertProblem(400, "invalid_header");
        (await SendAsync("PUT", Target, headers, "1"u8.ToArray())).AssertProblem(400, "invalid_header");
        (await SendAsync("DELETE", Target, headers)).AssertProblem(400, "invalid_header");
        RawResponse now = await SendAsync("GET", Target);
        Assert.Equal(("\"before\"", tag), (now.Text, now.ETag));
    }

    [Fact]
    public async Task CompareAndSet_Concurrent_LosesNoUpdate()
    {
        const int Clients = 8;
        const int Increments = 25;
        const string Counter = "v1/key?key=counter";
        Assert.Equal(201, (await SendAsync("PUT", "/" + Counter, ["If-None-Match: *"], "0"u8.ToArray())).Status);
        using var http = new HttpClient { BaseAddress = server.Process.Admin };
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => IncrementAsync()));
        Assert.Equal($"{Clients * Increments}", await http.GetStringAsync(Counter));

        async Task IncrementAsync()
        {
            for (int done = 0; done < Increments;)
            {
                using HttpResponseMessage got = await http.GetAsync(Counter);
                int value = int.Parse(await got.Content.ReadAsStringAsync(), System.Globalization.CultureInfo.InvariantCulture);
                using var request = new HttpRequestMessage(HttpMethod.Put, Counter);
                request.Headers.IfMatch.Add(got.Headers.ETag!);
                request.Content = new StringContent($"{value + 1}", Encoding.UTF8, "application/json");
                using HttpResponseMessage put = await http.SendAsync(request);
                if (put.StatusCode == System.Net.HttpStatusCode.NoContent) done++;
                else Assert.Equal(System.Net.HttpStatusCode.PreconditionFailed, put.StatusCode);
            }
        }
    }

    private static string[] Headers(string header, string tag) =>
        header.Replace("#", tag.Trim('"'), StringComparison.Ordinal).Split("\r\n");

    private async Task<string> PutAsync(string value)
    {
        RawResponse put = await SendAsync("PUT", Target, [], Encoding.UTF8.GetBytes(value));
        Assert.InRange(put.Status, 201, 204);
        return put.ETag!;
    }

    private Task<RawResponse> SendAsync(string method, string target, IEnumerable<string>? headers = null, byte[]? body = null) =>
        RawHttp.SendAsync(server.Process.Admin, method, target, headers, body);
}
