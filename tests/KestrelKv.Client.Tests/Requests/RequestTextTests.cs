using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace KestrelKv.Client.Tests.Requests;

/// <summary>The exact requests of each method and option. The order of members is that of the server's fast parser.</summary>
public sealed class RequestTextTests
{
    [Fact]
    public async Task Get_EachOption()
    {
        Assert.Equal("\"obj\": \"k\", \"meta\": true", await GetAsync(default));
        Assert.Equal("\"obj\": \"k\", \"path\": \"/a/0\", \"meta\": true", await GetAsync(new() { Path = "/a/0" }));
        Assert.Equal("\"obj\": \"k\", \"path\": \"\", \"meta\": true", await GetAsync(new() { Path = "" }));
        Assert.Equal("\"obj\": \"k\", \"meta\": true, \"touch\": 60", await GetAsync(new() { Touch = TimeSpan.FromMinutes(1) }));
        Assert.Equal("\"obj\": \"k\", \"meta\": true, \"ack\": \"memory\"", await GetAsync(new() { AllowUnsynced = true }));
        Assert.Equal(
            "\"obj\": \"k\", \"path\": \"/p\", \"meta\": true, \"touch\": 0.001, \"ack\": \"memory\"",
            await GetAsync(new() { Path = "/p", Touch = TimeSpan.FromTicks(1), AllowUnsynced = true }));
        Assert.Equal("\"obj\": \"k\", \"meta\": true", await RequestTexts.ParametersAsync("GET", (client, stop) => client.GetUtf8Async("k", default, stop).AsTask()));

        static Task<string> GetAsync(GetOptions options) =>
            RequestTexts.ParametersAsync("GET", (client, stop) => client.GetAsync<int>("k", options, stop).AsTask());
    }

    [Fact]
    public async Task GetMany_Keys()
    {
        Assert.Equal(
            "\"objs\": [\"a\", \"b\\n\", \"\u00e4\"], \"path\": \"/x\", \"meta\": true",
            await RequestTexts.ParametersAsync("MGET", (client, stop) => client.GetManyAsync<int>(["a", "b\n", "\u00e4"], new() { Path = "/x" }, stop).AsTask()));
    }

    [Fact]
    public async Task Put_EachOption()
    {
        Assert.Equal("\"obj\": \"k\", \"val\": 1, \"meta\": true", await PutAsync(default));
        Assert.Equal("\"obj\": \"k\", \"val\": 1, \"path\": \"/a\", \"meta\": true", await PutAsync(new() { Path = "/a" }));
        Assert.Equal("\"obj\": \"k\", \"val\": 1, \"meta\": true, \"ttl\": 1.500", await PutAsync(new() { Expiry = TimeSpan.FromSeconds(1.5) }));
        Assert.Equal("\"obj\": \"k\", \"val\": 1, \"meta\": true, \"ttl\": null", await PutAsync(new() { Expiry = Expiry.Never }));
        Assert.Equal("\"obj\": \"k\", \"val\": 1, \"meta\": true, \"if_version\": 0", await PutAsync(new() { IfVersion = 0 }));
        Assert.Equal("\"obj\": \"k\", \"val\": 1, \"meta\": true, \"if_version\": 9223372036854775807", await PutAsync(new() { IfVersion = long.MaxValue }));
        Assert.Equal("\"obj\": \"k\", \"val\": 1, \"meta\": true, \"if_exists\": true", await PutAsync(new() { IfExists = true }));
        Assert.Equal("\"obj\": \"k\", \"val\": 1, \"meta\": true, \"if_exists\": false", await PutAsync(new() { IfExists = false }));
        Assert.Equal("\"obj\": \"k\", \"val\": 1, \"meta\": true, \"return_old\": true", await PutAsync(new() { ReturnOld = true }));
        Assert.Equal("\"obj\": \"k\", \"val\": 1, \"meta\": true, \"ack\": \"memory\"", await PutAsync(new() { AcknowledgeFromMemory = true }));
        Assert.Equal(
            "\"obj\": \"k\", \"val\": 1, \"path\": \"/a\", \"meta\": true, \"ttl\": 2, \"if_version\": 3, \"return_old\": true, \"ack\": \"memory\"",
            await PutAsync(new() { Path = "/a", Expiry = TimeSpan.FromSeconds(2), IfVersion = 3, ReturnOld = true, AcknowledgeFromMemory = true }));

        static Task<string> PutAsync(WriteOptions options) =>
            RequestTexts.ParametersAsync("PUT", (client, stop) => client.PutAsync("k", 1, options, stop).AsTask());
    }

    [Theory]
    [InlineData(1, "0.001")]
    [InlineData(9_999, "0.001")]
    [InlineData(10_000, "0.001")]
    [InlineData(10_001, "0.002")]
    [InlineData(9_990_001, "1")]
    [InlineData(12_340_000, "1.234")]
    [InlineData(10_100_000, "1.010")]
    [InlineData(864_000_000_000, "86400")]
    public async Task Put_ExpiryInTicks_IsRoundedUpToMilliseconds(long ticks, string seconds) => Assert.Equal(
        $"\"obj\": \"k\", \"val\": 1, \"meta\": true, \"ttl\": {seconds}",
        await RequestTexts.ParametersAsync("PUT", (client, stop) => client.PutAsync("k", 1, new() { Expiry = TimeSpan.FromTicks(ticks) }, stop).AsTask()));

    [Theory]
    [InlineData("1970-01-01T00:00:00Z", 0, "0")]
    [InlineData("1970-01-01T00:00:01Z", 1, "1.001")]
    [InlineData("1969-12-31T23:59:58.5Z", 0, "-1.500")]
    [InlineData("1969-12-31T23:59:59.9999Z", 0, "0")]
    [InlineData("2000-01-01T02:00:00.250+02:00", 0, "946684800.250")]
    public async Task Put_ExpiryAtTime_IsUnixTimeRoundedUp(string time, long ticks, string seconds) => Assert.Equal(
        $"\"obj\": \"k\", \"val\": 1, \"meta\": true, \"expires_at\": {seconds}",
        await RequestTexts.ParametersAsync("PUT", (client, stop) =>
            client.PutAsync("k", 1, new() { Expiry = Expiry.At(DateTimeOffset.Parse(time, null).AddTicks(ticks)) }, stop).AsTask()));

    [Fact]
    public async Task Put_JsonText_IsSentAsItIs()
    {
        const string json = """ {"b" : 1.50, "a":[ ], "\u0061": "\/"} """;
        Assert.Equal(
            $"\"obj\": \"k\", \"val\": {json}, \"meta\": true",
            await RequestTexts.ParametersAsync("PUT", (client, stop) => client.PutUtf8Async("k", Encoding.UTF8.GetBytes(json), default, stop).AsTask()));
    }

    [Theory]
    [InlineData("plain", "\"plain\"")]
    [InlineData("\u00e4\u20ac\U0001f600", "\"\u00e4\u20ac\U0001f600\"")]
    [InlineData("\"\\/", "\"\\\"\\\\/\"")]
    [InlineData("\n\t\r\b\f\0", "\"\\n\\t\\r\\b\\f\\u0000\"")]
    [InlineData("a\u001fb\u007f", "\"a\\u001Fb\u007f\"")]
    [InlineData("<&>'+", "\"<&>'+\"")]
    public async Task Key_AnyText_RoundTrips(string key, string json)
    {
        string parameters = await RequestTexts.ParametersAsync("GET", (client, stop) => client.GetAsync<int>(key, default, stop).AsTask());
        Assert.Equal($"\"obj\": {json}, \"meta\": true", parameters.Replace("\\u007F", "\u007f", StringComparison.Ordinal));
    }

    [Fact]
    public async Task OtherWrites_EachFunction()
    {
        WriteOptions options = new() { IfVersion = 3, AcknowledgeFromMemory = true };
        const string tail = ", \"if_version\": 3, \"ack\": \"memory\"";
        Assert.Equal("\"obj\": \"k\"", await RequestTexts.ParametersAsync("DELETE", (client, stop) => client.DeleteAsync("k", default, stop).AsTask()));
        Assert.Equal("\"obj\": \"k\"" + tail, await RequestTexts.ParametersAsync("DELETE", (client, stop) => client.DeleteAsync("k", options, stop).AsTask()));
        Assert.Equal("\"obj\": \"k\", \"by\": 1", await RequestTexts.ParametersAsync("INCR", (client, stop) => client.IncrementAsync("k", 1, default, stop).AsTask()));
        Assert.Equal(
            "\"obj\": \"k\", \"by\": -9223372036854775808" + tail,
            await RequestTexts.ParametersAsync("INCR", (client, stop) => client.IncrementAsync("k", long.MinValue, options, stop).AsTask()));
        Assert.Equal("\"obj\": \"k\", \"by\": 0.10", await RequestTexts.ParametersAsync("INCR", (client, stop) => client.IncrementAsync("k", 0.10m, default, stop).AsTask()));
        Assert.Equal("\"obj\": \"k\", \"ttl\": null", await RequestTexts.ParametersAsync("EXPIRE", (client, stop) => client.ExpireAsync("k", Expiry.Never, default, stop).AsTask()));
        Assert.Equal(
            "\"obj\": \"k\", \"ttl\": 60" + tail,
            await RequestTexts.ParametersAsync("EXPIRE", (client, stop) => client.ExpireAsync("k", TimeSpan.FromMinutes(1), options, stop).AsTask()));
    }

    [Fact]
    public async Task ExactlyOnce_IdAndSequenceComeLast_AndTheSequenceRises()
    {
        string request = await RequestTexts.OfAsync(
            (client, stop) => client.PutAsync("k", 1, new() { AcknowledgeFromMemory = true }, stop).AsTask(),
            options => options.Retry = WriteRetry.ExactlyOnce);
        Assert.Matches("^{\"func\": \"PUT\", \"params\": {\"obj\": \"k\", \"val\": 1, \"meta\": true, \"ack\": \"memory\", \"request_id\": \"[A-Za-z0-9_-]{22}\\.1\", \"request_seq\": 1}}$", request);
    }

    [Fact]
    public async Task Lists_EachOption()
    {
        Assert.Equal("\"prefix\": \"p\", \"values\": true, \"meta\": true, \"limit\": 100", await RequestTexts.ParametersAsync("SCAN", (client, stop) => ReadAsync(client.ScanAsync<int>("p", default, stop))));
        Assert.Equal("\"prefix\": \"\", \"meta\": true, \"limit\": 1000", await RequestTexts.ParametersAsync("SCAN", (client, stop) => ReadAsync(client.ScanKeysAsync("", default, stop))));
        ScanOptions all = new() { After = "a", Until = "u", Descending = true, Limit = 7, PageSize = 50 };
        Assert.Equal(
            "\"prefix\": \"p\", \"after\": \"a\", \"until\": \"u\", \"descending\": true, \"meta\": true, \"limit\": 7, \"delimiter\": \"/\"",
            await RequestTexts.ParametersAsync("SCAN", (client, stop) => ReadAsync(client.ScanTreeAsync("p", "/", all, stop))));
        Assert.Equal("\"prefix\": \"p\", \"count_only\": true", await RequestTexts.ParametersAsync("SCAN", (client, stop) => client.CountAsync("p", cancellationToken: stop).AsTask()));
        Assert.Equal("", await RequestTexts.ParametersAsync("INFO", (client, stop) => client.InfoAsync(cancellationToken: stop).AsTask()));
        Assert.Equal("", await RequestTexts.ParametersAsync("PING", (client, stop) => client.PingAsync(cancellationToken: stop).AsTask()));

        static async Task ReadAsync<T>(IAsyncEnumerable<T> entries)
        {
            await foreach (T _ in entries) Assert.Fail("There is no reply.");
        }
    }

    [Fact]
    public async Task Batch_EachOperation()
    {
        string parameters = await RequestTexts.ParametersAsync("BATCH", (client, stop) => client.CreateBatch()
            .Get("a").Get("a", new() { Path = "/p", Touch = TimeSpan.FromSeconds(5) }).Put("b", "x", new() { IfVersion = 1 }).PutUtf8("b", "[1]"u8.ToArray()).Delete("c", new() { ReturnOld = true })
            .Increment("d", 5).Increment("d", 0.5m).Expire("e", Expiry.Never).Merge("f", new { a = 1 }).Patch("g", new JsonPatch().Remove("/x"))
            .MergeUtf8("h", "{}"u8.ToArray()).PatchUtf8("i", "[]"u8.ToArray()).Put("j", 1, (JsonTypeInfo<int>)JsonSerializerOptions.Web.GetTypeInfo(typeof(int)))
            .CommitAsync(new() { AcknowledgeFromMemory = true }, stop).AsTask());
        string[] operations =
        [
            """{"func": "GET", "params": {"obj": "a", "meta": true}}""",
            """{"func": "GET", "params": {"obj": "a", "path": "/p", "meta": true, "touch": 5}}""",
            """{"func": "PUT", "params": {"obj": "b", "val": "x", "meta": true, "if_version": 1}}""",
            """{"func": "PUT", "params": {"obj": "b", "val": [1], "meta": true}}""",
            """{"func": "DELETE", "params": {"obj": "c", "return_old": true}}""",
            """{"func": "INCR", "params": {"obj": "d", "by": 5}}""",
            """{"func": "INCR", "params": {"obj": "d", "by": 0.5}}""",
            """{"func": "EXPIRE", "params": {"obj": "e", "ttl": null}}""",
            """{"func": "PATCH", "params": {"obj": "f", "merge": {"a":1}}}""",
            """{"func": "PATCH", "params": {"obj": "g", "patch": [{"op":"remove","path":"/x"}]}}""",
            """{"func": "PATCH", "params": {"obj": "h", "merge": {}}}""",
            """{"func": "PATCH", "params": {"obj": "i", "patch": []}}""",
            """{"func": "PUT", "params": {"obj": "j", "val": 1, "meta": true}}""",
        ];
        Assert.Equal($"\"ops\": [{string.Join(", ", operations)}], \"ack\": \"memory\"", parameters);
    }

    [Fact]
    public async Task Batch_InvalidOperation_LeavesTheBatchAsItWas()
    {
        string parameters = await RequestTexts.ParametersAsync("BATCH", (client, stop) =>
        {
            Batch batch = client.CreateBatch().Get("a");
            Assert.Throws<ArgumentException>(() => batch.PutUtf8("bad", "{"u8.ToArray()));
            Assert.Throws<ArgumentException>(() => batch.Get(""));
            Assert.Equal(1, batch.Count);
            return batch.Get("b").CommitAsync(cancellationToken: stop).AsTask();
        });
        Assert.Equal("""
            "ops": [{"func": "GET", "params": {"obj": "a", "meta": true}}, {"func": "GET", "params": {"obj": "b", "meta": true}}]
            """, parameters);
    }
}
