using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Server.Tests.Wire;

/// <summary>A bad request gets an error with the reason and changes nothing, and the connection continues.</summary>
public sealed class BadRequestTests(DefaultServer server) : IClassFixture<DefaultServer>
{
    private const string Put = "{\"func\": \"PUT\", \"params\": ";
    private const string Get = "{\"func\": \"GET\", \"params\": ";

    /// <summary>Bodies of ISO 8859-1 characters, each sent as one byte.</summary>
    public static TheoryData<string, string, string> BadBodies() => new()
    {
        // Malformed JSON, with the position of the first invalid byte.
        { "", "invalid_json", "empty" },
        { " \n ", "invalid_json", "empty" },
        { "{", "invalid_json", "byte 1" },
        { "{\"func\": \"GET\"", "invalid_json", "byte 14" },
        { "{\"func\": GET}", "invalid_json", "byte 9" },
        { Get + "{\"obj\": \"a\"}} x", "invalid_json", "byte 40" },
        { Get + "{\"obj\": \"a\"}}{}", "invalid_json", "byte 39" },
        { Get + "{\"obj\": \"a\",}}", "invalid_json", "byte 38" },
        { Get + "{\"obj\" \"a\"}}", "invalid_json", "byte 33" },
        { "{'func': 'GET'}", "invalid_json", "byte 1" },
        { "{\n\n  \"func\": ?}", "invalid_json", "byte 13" },
        { "// comment\n" + Get + "{\"obj\": \"a\"}}", "invalid_json", "byte 0" },
        { Put + "{\"obj\": \"a\", \"val\": 01}}", "invalid_json", "byte 47" },
        { Put + "{\"obj\": \"a\", \"val\": +1}}", "invalid_json", "byte 46" },
        { Put + "{\"obj\": \"a\", \"val\": .5}}", "invalid_json", "byte 46" },
        { Put + "{\"obj\": \"a\", \"val\": 1.}}", "invalid_json", "byte 48" },
        { Put + "{\"obj\": \"a\", \"val\": 0x10}}", "invalid_json", "byte 47" },
        { Put + "{\"obj\": \"a\", \"val\": \"\t\"}}", "invalid_json", "byte 47" },
        { Put + "{\"obj\": \"a\", \"val\": \"\\x\"}}", "invalid_json", "byte 48" },
        { Put + "{\"obj\": \"a\", \"val\": \"\\u12\"}}", "invalid_json", "byte 51" },
        { Put + "{\"obj\": \"a\", \"val\": [1}}}", "invalid_json", "byte 48" },
        { Put + "{\"obj\": \"a\", \"val\": tru}}", "invalid_json", "byte 49" },
        { Put + "{\"obj\": \"a\", \"val\": }}", "invalid_json", "byte 46" },
        { "\0\0\0\0", "invalid_json", "byte 0" },
        { "\u00ef\u00bb\u00bf{}", "invalid_json", "byte 0" },
        { Put + "{\"obj\": \"a\", \"val\": NaN}}", "invalid_json", "NaN and Infinity are not JSON" },
        { Put + "{\"obj\": \"a\", \"val\": Infinity}}", "invalid_json", "NaN and Infinity are not JSON" },
        { Put + "{\"obj\": \"a\", \"val\": -Infinity}}", "invalid_json", "Infinity" },
        { Put + "{\"obj\": \"a\", \"val\": [1, NaN]}}", "invalid_json", "NaN and Infinity are not JSON" },

        { "[]", "not_an_object", "not an object" },
        { "null", "not_an_object", "not an object" },
        { "\"GET\"", "not_an_object", "not an object" },
        { "1", "not_an_object", "not an object" },
        { "[{\"func\": \"GET\", \"params\": {\"obj\": \"a\"}}]", "not_an_object", "not an object" },

        { "{}", "missing_parameter", "\"func\"" },
        { "{\"params\": {\"obj\": \"a\"}}", "missing_parameter", "\"func\"" },
        { "{\"func\": \"GET\"}", "missing_parameter", "\"params\"" },
        { "{\"func\": \"PUT\"}", "missing_parameter", "\"params\"" },
        { Get + "{}}", "missing_parameter", "\"obj\"" },
        { Put + "{\"val\": 1}}", "missing_parameter", "\"obj\"" },
        { Put + "{\"obj\": \"a\"}}", "missing_parameter", "\"val\"" },

        { Get + "{\"obj\": \"a\"}, \"ID\": 7}", "unknown_parameter", "\"ID\"" },
        { Get + "{\"obj\": \"a\", \"val\": 1}}", "unknown_parameter", "\"val\"" },
        { Get + "{\"obj\": \"a\", \"Obj\": \"b\"}}", "unknown_parameter", "\"Obj\"" },
        { Put + "{\"obj\": \"a\", \"val\": 1, \"if_versions\": 1}}", "unknown_parameter", "\"if_versions\"" },

        { "{\"func\": \"GET\", \"func\": \"GET\", \"params\": {\"obj\": \"a\"}}", "duplicate_parameter", "\"func\"" },
        { Get + "{\"obj\": \"a\"}, \"params\": {\"obj\": \"a\"}}", "duplicate_parameter", "\"params\"" },
        { Get + "{\"obj\": \"a\", \"obj\": \"a\"}}", "duplicate_parameter", "\"obj\"" },
        { Get + "{\"obj\": \"a\", \"\\u006fbj\": \"a\"}}", "duplicate_parameter", "\"obj\"" },
        { Put + "{\"obj\": \"a\", \"val\": 1, \"val\": 2}}", "duplicate_parameter", "\"val\"" },

        { "{\"func\": 1, \"params\": {\"obj\": \"a\"}}", "wrong_type", "a number" },
        { "{\"func\": null}", "wrong_type", "null" },
        { "{\"func\": [\"GET\"]}", "wrong_type", "an array" },
        { Get + "[\"a\"]}", "wrong_type", "an array" },
        { Get + "\"a\"}", "wrong_type", "a string" },
        { Get + "null}", "wrong_type", "null" },
        { Get + "{\"obj\": 1}}", "wrong_type", "a number" },
        { Get + "{\"obj\": null}}", "wrong_type", "null" },
        { Get + "{\"obj\": true}}", "wrong_type", "a boolean" },
        { Put + "{\"obj\": {\"a\": 1}, \"val\": 1}}", "wrong_type", "an object" },

        { Get + "{\"obj\": \"\"}}", "invalid_key", "empty" },
        { Put + "{\"obj\": \"\", \"val\": 1}}", "invalid_key", "empty" },
        { Get + "{\"obj\": \"\\ud800\"}}", "invalid_key", "surrogate" },
        { Get + "{\"obj\": \"\\udc00\\ud800\"}}", "invalid_key", "surrogate" },
        { Put + "{\"obj\": \"a\\udfffb\", \"val\": 1}}", "invalid_key", "surrogate" },

        { Get + "{\"obj\": \"" + new string('k', 4097) + "\"}}", "key_too_long", "4097" },
        { Put + "{\"obj\": \"" + string.Concat(Enumerable.Repeat("\\u00e9", 2049)) + "\", \"val\": 1}}", "key_too_long", "4098" },

        { Put + "{\"obj\": \"a\", \"val\": " + new string('[', 1025) + new string(']', 1025) + "}}", "too_deep", "1024" },
        { new string('[', 100_000), "too_deep", "1024" },
        { string.Concat(Enumerable.Repeat("{\"a\":", 100_000)), "too_deep", "1024" },

        { Get + "{\"obj\": \"\u00ff\"}}", "invalid_utf8", "byte 35 (0xff)" },
        { Put + "{\"obj\": \"a\", \"val\": \"ab\u00c0\u00af\"}}", "invalid_utf8", "byte 49 (0xc0)" },
        { Put + "{\"obj\": \"a\", \"val\": \"\u00ed\u00a0\u0080\"}}", "invalid_utf8", "byte 47 (0xed)" },
        { Put + "{\"obj\": \"a\", \"val\": \"\u00e2\u0082\"}}", "invalid_utf8", "byte 47 (0xe2)" },
        { "{\"func\": \"\u0080\"}", "invalid_utf8", "byte 10 (0x80)" },
        { "{\"f\u00fenc\": \"GET\"}", "invalid_utf8", "byte 3 (0xfe)" },
    };

    [Theory]
    [MemberData(nameof(BadBodies), DisableDiscoveryEnumeration = true)]
    public async Task BadRequest_OnAPersistentConnection_GetsAnErrorAndTheNextIsServed(string body, string code, string detail)
    {
        byte[] bad = Frames.Of(Encoding.Latin1.GetBytes(body));
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        await client.SendAsync(bad);
        Frames.AssertError(await client.ReceiveAsync(), code, detail);
        await DefaultServer.AssertServesAsync(client);

        // The same requests in one write: replies arrive in order.
        await client.SendAsync((byte[])[.. Frames.Of(Frames.Put("around", "1")), .. bad, .. Frames.Of(Frames.Get("around"))]);
        Assert.Equal(Frames.PutReply("around"), await client.ReceiveAsync());
        Frames.AssertError(await client.ReceiveAsync(), code, detail);
        Assert.Equal(Frames.GetReply("around", "1"), await client.ReceiveAsync());
    }

    [Fact]
    public async Task BadPut_OfAnExistingKey_ChangesNothing()
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        Assert.Equal(Frames.PutReply("kept"), await client.CallAsync(Frames.Put("kept", "\"before\"")));
        foreach (string bad in (string[])
            [
                Put + "{\"obj\": \"kept\", \"val\": 1, \"if_versions\": 1}}", Put + "{\"obj\": \"kept\", \"val\": 1, \"val\": 2}}",
                Put + "{\"obj\": \"kept\", \"val\": 1}, \"id\": null}", Put + "{\"obj\": \"kept\", \"val\": 1}} x",
                Put + "{\"obj\": \"kept\", \"val\": NaN}}",
            ])
        {
            Assert.StartsWith("{\"status\": \"ERROR\"", await client.CallAsync(bad), StringComparison.Ordinal);
            Assert.Equal(Frames.GetReply("kept", "\"before\""), await client.CallAsync(Frames.Get("kept")));
        }
    }

    [Fact]
    public async Task Key_OfTheMaximumLength_IsServed()
    {
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        string ascii = new('k', 4096);
        Assert.Equal(Frames.PutReply(ascii), await client.CallAsync(Frames.Put(ascii, "1")));

        // The escaped key is six times as long, but the limit is on the unescaped key.
        string escaped = string.Concat(Enumerable.Repeat("\\u006b", 4096));
        Assert.Equal(
            $"{{\"status\": \"OK\", \"response\": {{\"func\": \"GET\", \"response\": {{\"obj\": \"{escaped}\", \"val\": 1}}}}}}",
            await client.CallAsync(Get + $"{{\"obj\": \"{escaped}\"}}}}"));
    }

    [Fact]
    public async Task ThousandsOfBadRequests_Pipelined_AreEachAnswered()
    {
        const int Count = 5_000;
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        byte[] bad = Frames.Of("{\"func\": GET}");
        Task sent = client.SendAsync(Enumerable.Repeat(bad, Count).SelectMany(x => x).ToArray());
        for (int i = 0; i < Count; i++) Frames.AssertError(await client.ReceiveAsync(), "invalid_json", "byte 9");
        await sent;
        await DefaultServer.AssertServesAsync(client);
    }
}
