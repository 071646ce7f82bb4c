using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

public sealed class ScanTests : IDisposable
{
    private readonly TestWire _wire = new();
    private readonly TestClient _client;

    public ScanTests()
    {
        _client = _wire.Connect();
        _client.Send([.. ((string[])["a:1", "a:2", "a:3", "b:\"é\"", "c"]).Select((key, i) => Frames.Put(key, $"{i}.0"))]);
        _client.Replies();
    }

    public void Dispose() => _wire.Dispose();

    [Theory]
    [InlineData(
        "{}",
        """{"entries": [{"obj": "a:1"}, {"obj": "a:2"}, {"obj": "a:3"}, {"obj": "b:\"é\""}, {"obj": "c"}], "next": null, "version": 5}""")]
    [InlineData("""{"prefix": "a:", "limit": 2}""", """{"entries": [{"obj": "a:1"}, {"obj": "a:2"}], "next": "a:2", "version": 5}""")]
    [InlineData("""{"prefix": "a:", "limit": 2, "after": "a:2"}""", """{"entries": [{"obj": "a:3"}], "next": null, "version": 5}""")]
    [InlineData("""{"after": "a:1", "until": "b"}""", """{"entries": [{"obj": "a:2"}, {"obj": "a:3"}], "next": null, "version": 5}""")]
    [InlineData(
        """{"descending": true, "limit": 1, "after": "c"}""", """{"entries": [{"obj": "b:\"é\""}], "next": "b:\"é\"", "version": 5}""")]
    [InlineData(
        """{"prefix": "a:", "descending": true, "until": "a:1"}""",
        """{"entries": [{"obj": "a:3"}, {"obj": "a:2"}], "next": null, "version": 5}""")]
    [InlineData("""{"prefix": "x"}""", """{"entries": [], "next": null, "version": 5}""")]
    [InlineData(
        """{"prefix": "c", "meta": true}""",
        """{"entries": [{"obj": "c", "version": 5, "expires_at": null}], "next": null, "version": 5}""")]
    public void Scan_Range_IsListedInOrder(string parameters, string response) => _client.AssertCall("SCAN", parameters, response);

    [Theory]
    [InlineData(
        """{"prefix": "a:", "values": true, "limit": 1}""", """{"entries": [{"obj": "a:1", "val": 0.0}], "next": "a:1", "version": 5}""")]
    [InlineData(
        """{"prefix": "c", "values": true, "meta": true, "limit": 1000}""",
        """{"entries": [{"obj": "c", "val": 4.0, "version": 5, "expires_at": null}], "next": null, "version": 5}""")]
    [InlineData("""{"count_only": true}""", """{"count": 5, "version": 5}""")]
    [InlineData("""{"count_only": true, "limit": 3}""", """{"count": 3, "version": 5}""")]
    [InlineData("""{"count_only": true, "limit": 9000000000000000000, "prefix": "a"}""", """{"count": 3, "version": 5}""")]
    [InlineData("""{"count_only": true, "prefix": "x"}""", """{"count": 0, "version": 5}""")]
    public async Task Scan_ManyKeys_IsListed(string parameters, string response) =>
        Assert.Equal(Calls.Reply("SCAN", response), await _client.CallAsync(Calls.Request("SCAN", parameters)));

    [Fact]
    public void Scan_Expired_IsNotListed()
    {
        _client.Call(Calls.Request("EXPIRE", """{"obj": "a:2", "expires_at": 1}"""));
        _client.AssertCall("SCAN", """{"prefix": "a:"}""", """{"entries": [{"obj": "a:1"}, {"obj": "a:3"}], "next": null, "version": 6}""");
    }

    [Fact]
    public async Task Scan_PagesOfLargeValues_EndEarlyAndContinue()
    {
        string value = $"\"{new string('v', 1_500_000)}\"";
        for (int i = 0; i < 6; i++) _client.Call(Frames.Put($"large:{i}", value));
        List<string> keys = [];
        string after = "";
        for (int pages = 1; after is not null; pages++)
        {
            using JsonDocument reply = JsonDocument.Parse(
                await _client.CallAsync(Calls.Request("SCAN", $$"""{"prefix": "large:", "values": true, "after": "{{after}}"}""")));
            JsonElement page = reply.RootElement.GetProperty("response").GetProperty("response");
            string[] here = [.. page.GetProperty("entries").EnumerateArray().Select(entry => entry.GetProperty("obj").GetString()!)];
            Assert.Equal(pages <= 2 ? 3 : 0, here.Length);
            keys.AddRange(here);
            after = page.GetProperty("next").GetString()!;
        }
        Assert.Equal(Enumerable.Range(0, 6).Select(i => $"large:{i}"), keys);
    }
}
