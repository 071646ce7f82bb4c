using System.Globalization;
using System.Text;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Admin;

/// <summary>
/// Every key that the wire accepts can be addressed over HTTP, whatever its characters, and is not confused with another key.
/// </summary>
public sealed class StrangeKeyTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private static readonly string[] Keys =
    [
        "plain", "/", "//", "a/b", "/a", "a/", "a//b", "%", "%%", "100%", "%2F", "a%2Fb", "a%252Fb", "%ff", "%zz", ".", "..", "...",
        "../..", "a/../b", "./a", "a/.",
        "?", "a?b=c", "&", "a&key=b", "=", "a=b", "#", "a#b", "+", "a+b", " ", " a ", "a b", ";", ",", ":", "@", "!$'()*", "~_-", "\"",
        "\"a\"", "'", "\\", "a\\b",
        "<script>", "{}", "[]", "|", "^", "`", "\t", "\n", "\r\n", "\u0001", "\u001f", "\u007f", "\0", "a\0b", "\u0085", "\u00a0", "\u00e9",
        "e\u0301", "日本", "😀", "👨‍👩‍👧",
        "\u200b", "\u202e", "\ufeff", "\ufffd", "\uffff", "\U0010ffff", "v1/keys/a", "/v1/keys/a", "null", "true", new('k', 4096),
        new(' ', 4096), new('%', 4096), new('é', 2048),
    ];

    [Fact]
    public async Task EveryKey_PutOverTheWire_IsAddressableByCurlUrllibAndHttpClient()
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        for (int i = 0; i < Keys.Length; i++)
            Assert.Equal(Frames.PutReply(Keys[i]), await wire.CallAsync(Frames.Put(Keys[i], $"\"wire {i}\"")));

        await Programs.RunAsync("python3",
            ["-B", Repository.PathTo("tests", "KestrelKv.Server.Tests", "Admin", "strange_keys.py"), server.Process.Admin.ToString()],
            JsonSerializer.Serialize(Keys));
        await AssertOnTheWireAsync("urllib");

        using var http = new HttpClient { BaseAddress = server.Process.Admin };
        for (int i = 0; i < Keys.Length; i++)
        {
            string address = $"v1/key?key={Uri.EscapeDataString(Keys[i])}";
            Assert.Equal($"\"urllib {i}\"", await http.GetStringAsync(address));
            using HttpResponseMessage put = await http.PutAsync(
                address, new StringContent($"\"HttpClient {i}\"", Encoding.UTF8, "application/json"));
            Assert.Equal(204, (int)put.StatusCode);
        }
        await AssertOnTheWireAsync("HttpClient");

        await CurlAsync("GET", i => $"\"HttpClient {i}\"");
        await CurlAsync("PUT", _ => "");
        await AssertOnTheWireAsync("curl");
        await CurlAsync("DELETE", _ => "");
        for (int i = 0; i < Keys.Length; i++)
            if (IsForCurl(Keys[i])) Assert.Equal(Frames.GetReply(Keys[i], "null"), await wire.CallAsync(Frames.Get(Keys[i])));

        async Task AssertOnTheWireAsync(string by)
        {
            for (int i = 0; i < Keys.Length; i++)
                if (by != "curl" || IsForCurl(Keys[i]))
                    Assert.Equal(Frames.GetReply(Keys[i], $"\"{by} {i}\""), await wire.CallAsync(Frames.Get(Keys[i])));
        }

        // Runs one curl for all keys. It reads each key from a file: --data-urlencode "key@file".
        async Task CurlAsync(string method, Func<int, string> expected)
        {
            DirectoryInfo folder = Directory.CreateTempSubdirectory("kestrelkv");
            try
            {
                List<string> arguments = [];
                List<int> asked = [];
                for (int i = 0; i < Keys.Length; i++)
                {
                    if (!IsForCurl(Keys[i])) continue;
                    string file = Path.Combine(folder.FullName, i.ToString(CultureInfo.InvariantCulture));
                    await File.WriteAllBytesAsync(file, Encoding.UTF8.GetBytes(Keys[i]));
                    if (asked.Count > 0) arguments.Add("--next");
                    asked.Add(i);

                    string[] request = ["-s", "-S", "-f", "-X", method, "-w", "\n%{http_code}\n", $"{server.Process.Admin}v1/key"];
                    if (method == "PUT")
                    {
                        // -G moves the data into the address, so the body comes from a separate file.
                        await File.WriteAllTextAsync(file + ".json", $"\"curl {i}\"");
                        request = [.. request, "-T", file + ".json", "--url-query", $"key@{file}"];
                    }
                    else request = [.. request, "-G", "--data-urlencode", $"key@{file}"];
                    arguments.AddRange(request);
                }
                string[] lines = (await Programs.RunAsync("curl", arguments)).TrimEnd('\n').Split('\n');
                int status = method == "GET" ? 200 : 204;
                Assert.Equal(asked.SelectMany(i => (string[])[expected(i), $"{status}"]), lines);
            }
            finally
            {
                folder.Delete(recursive: true);
            }
        }
    }

    /// <summary>Whether curl can send the key: it drops U+0000 and line ends from a file for a query.</summary>
    private static bool IsForCurl(string key) => !key.Contains('\0', StringComparison.Ordinal) && key.IndexOfAny(['\r', '\n']) < 0;

    [Fact]
    public async Task EveryKey_WithoutDotSegmentsAndU0000_IsAddressableByPath()
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        for (int i = 0; i < Keys.Length; i++)
        {
            if (Keys[i].Contains('\0', StringComparison.Ordinal) || Keys[i].Split('/').Any(segment => segment is "." or "..")) continue;
            Assert.Equal(Frames.PutReply(Keys[i]), await wire.CallAsync(Frames.Put(Keys[i], $"\"path {i}\"")));
            RawResponse response = await GetAsync("/v1/keys/" + Uri.EscapeDataString(Keys[i]));
            Assert.Equal($"200 \"path {i}\"", $"{response.Status} {response.Text}");
        }
    }

    [Fact]
    public async Task SimilarKeys_InAPath_AreDistinguished()
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        string[] alike = ["x/y", "x%2Fy", "x%252Fy", "x+y", "x y", "x%20y", "x%2By"];
        foreach (string key in alike) await wire.CallAsync(Frames.Put(key, JsonSerializer.Serialize($"is {key}")));

        (string Target, string Key)[] targets =
        [
            ("x/y", "x/y"), ("x%2Fy", "x/y"), ("x%2fy", "x/y"), ("x%252Fy", "x%2Fy"), ("x%25252Fy", "x%252Fy"), ("x+y", "x+y"),
            ("x%2By", "x+y"), ("x%20y", "x y"),
            ("x%2520y", "x%20y"), ("x%252By", "x%2By"), ("%78%2F%79", "x/y"),
        ];
        foreach ((string target, string key) in targets)
            Assert.Equal($"\"is {key}\"", JsonText(await GetAsync("/v1/keys/" + target)));

        // A plus sign in a query is a space.
        foreach ((string target, string key) in
            ((string, string)[])[("x/y", "x/y"), ("x%2Fy", "x/y"), ("x%252Fy", "x%2Fy"), ("x+y", "x y"), ("x%2By", "x+y"), ("x%20y", "x y")])
            Assert.Equal($"\"is {key}\"", JsonText(await GetAsync("/v1/key?key=" + target)));

        static string JsonText(RawResponse response) => $"\"{JsonDocument.Parse(response.Text).RootElement.GetString()}\"";
    }

    [Theory]
    [InlineData("%")]
    [InlineData("a%")]
    [InlineData("a%2")]
    [InlineData("a%zz")]
    [InlineData("%u0041")]
    [InlineData("%ff")]
    [InlineData("%c3")]
    [InlineData("%c0%af")]
    [InlineData("%ed%a0%80")]
    [InlineData("%f5%80%80%80")]
    public async Task MalformedEncoding_IsRefusedAndNothingIsWritten(string encoded)
    {
        long version = await VersionAsync();
        foreach (string target in (string[])[$"/v1/key?key={encoded}", $"/v1/keys/{encoded}"])
        {
            (await GetAsync(target)).AssertProblem(400);
            (await RawHttp.SendAsync(server.Process.Admin, "PUT", target, body: "1"u8.ToArray())).AssertProblem(400);
            (await RawHttp.SendAsync(server.Process.Admin, "DELETE", target)).AssertProblem(400);
        }
        (await GetAsync($"/v1/keys?prefix={encoded}")).AssertProblem(400);
        (await GetAsync($"/v1/keys?after={encoded}")).AssertProblem(400);
        Assert.Equal(version, await VersionAsync());
    }

    [Fact]
    public async Task KeyTooLong_InEitherForm_IsRefused()
    {
        string key = new('k', 4097);
        (await GetAsync("/v1/key?key=" + key)).AssertProblem(400, "key_too_long");
        (await GetAsync("/v1/keys/" + key)).AssertProblem(400, "key_too_long");
    }

    [Theory]
    [InlineData("/v1/keys/\u00e9")]
    [InlineData("/v1/key?key=\u00e9")]
    [InlineData("/v1/keys/\u00c3\u00a9")]
    [InlineData("/v1/key?key=\u00c3\u00a9")]
    public async Task NonAsciiBytes_Unescaped_NeverAddressAnotherKey(string target)
    {
        using WireClient wire = await WireClient.ConnectAsync(server.WirePort);
        foreach (string key in (string[])["\u00e9", "\u00c3\u00a9", "\ufffd", "?"])
            await wire.CallAsync(Frames.Put(key, JsonSerializer.Serialize(key)));
        RawResponse response = await GetAsync(target);
        if (response.Status == 200) Assert.Equal("\u00e9", JsonDocument.Parse(response.Text).RootElement.GetString());
        else Assert.Equal(400, response.Status);
    }

    private Task<RawResponse> GetAsync(string target) => RawHttp.SendAsync(server.Process.Admin, "GET", target);

    private async Task<long> VersionAsync() =>
        JsonDocument.Parse((await GetAsync("/v1/stats")).Text).RootElement.GetProperty("version").GetInt64();
}
