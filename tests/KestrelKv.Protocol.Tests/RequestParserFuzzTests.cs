using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using KestrelKv.Testing;
using static KestrelKv.Protocol.Tests.Parsing;

namespace KestrelKv.Protocol.Tests;

/// <summary>The parser never throws on random bodies, and agrees with <see cref="JsonDocument"/> on their content.</summary>
public sealed class RequestParserFuzzTests
{
    private const int Rounds = 60_000;

    private static readonly RequestLimits Limits = new() { KeyBytesMax = 64, JsonDepthMax = 512 };

    private static readonly JsonDocumentOptions AnyDepth = new() { MaxDepth = 10_000 };

    private static readonly byte[][] Seed =
    [
        .. ((string[])[
            """{"func": "GET", "params": {"obj": "key"}}""",
            """{"params":{"val":{"a":[1,2.50,"é\ud83d\ude00",null]},"obj":"\u006bey"},"func":"PUT"}""",
            """{"func": "PUT", "params": {"obj": "k", "val": "text"}}""",
            """{"func": "\u0047ET", "params": {"\u006fbj": "😀"}}""",
            """{"func": "PUT", "params": {"obj": "k", "val": [], "ack": "memory"}}""",
            """{"func": "OTHER", "params": [true, false, -1e5]}""",
            """{"func": "GET", "params": {"obj": "k", "path": "/a~1\u00e9", "meta": true}, "id": "\u0061"}""",
            """{"func": "GET", "params": {"touch": 60.5, "obj": "k"}}""",
            """{"id": -1.50e3, "func": "PUT", "params": {"obj": "k", "val": {}, "ttl": 1.5, "if_version": 3, "return_old": false, "request_id": "r", "request_seq": 12}}""",
            """{"func": "DELETE", "params": {"obj": "k", "if_exists": true}}""",
            """{"func": "PATCH", "params": {"obj": "k", "merge": {"a": null}, "expires_at": 1790000000.5}}""",
            """{"func": "PATCH", "params": {"patch": [{"op": "remove", "path": "/a"}], "obj": "k"}}""",
            """{"func": "INCR", "params": {"obj": "k", "by": 1.5, "path": ""}}""",
            """{"func": "EXPIRE", "params": {"obj": "k", "ttl": null}}""",
            """{"func": "MGET", "params": {"objs": ["a", "\u0062", "😀"], "ack": "memory"}}""",
            """{"func": "BATCH", "params": {"ops": [{"func": "PUT", "params": {"obj": "k", "val": [1 ]}}, {"params": {"obj": "é"}, "func": "GET"}], "request_id": "é"}}""",
            """{"func": "SCAN", "params": {"prefix": "a", "after": "b", "until": "", "limit": 10, "descending": true, "values": true}}""",
            """{"func": "SCAN", "params": {"delimiter": "\u002f"}}""",
            """{"func": "WATCH", "params": {"from_version": 5, "bookmark_interval": 0.1}}""",
            """{"func": "UNWATCH", "params": {"watch": 1}}""",
            """{"func": "AUTH", "params": {"user": "app", "secret": "kkv_x"}}""",
            """{"func": "PING"}""",
        ]).Select(Encoding.UTF8.GetBytes),
    ];

    private static readonly byte[][] Tokens =
    [
        .. ((string[])[
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "\\udc00", "\\u0061", "\"obj\"", "\"val\"", "\"func\"",
            "\"params\"", "\"GET\"", "\"PUT\"", "\"\\ud800\":1,", "null", "NaN", "-Infinity", "1e999", " ", "\n", "\0", "/*", "//",
            "\"obj\":\"b\",", "\"ack\":\"memory\",", "\"val\":[],", "\"id\":1,", "\"ttl\":1,", "\"path\":\"\",", "\"ops\":[", "\"objs\":[",
            "\"BATCH\"", "\"MGET\"", "\"PATCH\"", "é", "😀", "\uFEFF", "[[[[[[[[",
        ]).Select(Encoding.UTF8.GetBytes),
        [0xFF], [0xC3], [0xED, 0xA0, 0x80],
    ];

    [Fact]
    public void Parse_MutatedRequests_NeverThrowsAndAgreesWithJsonDocument() => Seeds.Run(random =>
    {
        for (int round = 0; round < Rounds; round++) AssertAgrees(Mutate(Pick(random, Seed), random));
    });

    [Fact]
    public void Parse_RandomBytes_NeverThrowsAndAgreesWithJsonDocument() => Seeds.Run(random =>
    {
        for (int round = 0; round < Rounds; round++)
        {
            byte[] body = new byte[random.Next(40)];
            random.NextBytes(body);
            AssertAgrees(body);
        }
    });

    [Fact]
    public void Parse_RandomTokens_NeverThrowsAndAgreesWithJsonDocument() => Seeds.Run(random =>
    {
        for (int round = 0; round < Rounds; round++)
            AssertAgrees([.. Enumerable.Range(0, random.Next(12)).SelectMany(_ => Pick(random, Tokens))]);
    });

    private static byte[] Mutate(byte[] valid, Random random)
    {
        List<byte> body = [.. valid];
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            int at = random.Next(body.Count + 1);
            int length = random.Next(Math.Min(12, body.Count - at + 1));
            switch (random.Next(5))
            {
                case 0: body.RemoveRange(at, length); break;
                case 1: body.InsertRange(at, Pick(random, Tokens)); break;
                case 2: body.InsertRange(random.Next(body.Count + 1), body.GetRange(at, length)); break;
                case 3 when at < body.Count: body[at] = (byte)random.Next(256); break;
                case 4 when at < body.Count: body[at] ^= (byte)(1 << random.Next(8)); break;
            }
        }
        return [.. body];
    }

    private static void AssertAgrees(byte[] body)
    {
        try
        {
            Request request = Parse(body, Limits);
            switch (request.Error?.Code ?? ErrorCode.None)
            {
                case ErrorCode.InvalidUtf8:
                    Assert.False(Utf8.IsValid(body));
                    break;
                case ErrorCode.InvalidJson:
                    Assert.ThrowsAny<JsonException>(() => JsonDocument.Parse(body, AnyDepth));
                    break;
                default:
                    using (JsonDocument document = JsonDocument.Parse(body, AnyDepth)) AssertSame(request, document.RootElement);
                    break;
            }
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"Body {Convert.ToHexString(body)} ({Encoding.UTF8.GetString(body)}): {e.Message}", e);
        }
    }

    private static void AssertSame(in Request request, JsonElement root)
    {
        if (request.Function == Function.Invalid)
        {
            if (request.Error!.Index is null)
                Assert.Equal(request.Error.Code == ErrorCode.NotAnObject, root.ValueKind != JsonValueKind.Object);
            return;
        }

        Assert.Equal(root.TryGetProperty("id", out JsonElement id) ? id.GetRawText() : "", Text(request.IdText));
        JsonElement func = root.GetProperty("func");
        if (request.Function == Function.Unknown)
        {
            Assert.Equal(func.GetRawText(), Text(request.NameText));
            return;
        }

        FunctionInfo function = Functions.Of(request.Function);
        Assert.Equal(function.Name, func.GetString());
        Dictionary<string, JsonElement> given = root.TryGetProperty("params", out JsonElement parameters)
            ? parameters.EnumerateObject().ToDictionary(p => p.Name, p => p.Value)
            : [];
        Assert.Empty(root.EnumerateObject().Select(member => member.Name).Except(["func", "params", "id"]));
        Assert.Empty(given.Keys.Except(function.RequiredParameters.Concat(function.OptionalParameters).Select(p => p.Name)));
        Assert.Empty(function.RequiredParameters.Select(p => p.Name).Except(given.Keys));
        AssertSame(request, given);
    }

    private static void AssertSame(in Request request, Dictionary<string, JsonElement> given)
    {
        RequestOptions options = request.Options ?? RequestOptions.None;
        Assert.Equal(given.ContainsKey("ack"), request.AcknowledgeFromMemory);
        if (given.TryGetValue("ack", out JsonElement ack)) Assert.Equal("memory", ack.GetString());
        Assert.Equal(Raw("obj"), Text(request.NameText));
        Assert.Equal(Characters("obj"), Text(request.Key));
        Assert.InRange(request.Key.Length, given.ContainsKey("obj") ? 1 : 0, Limits.KeyBytesMax);
        Assert.Equal(Raw("val") + Raw("merge") + Raw("patch") + Raw("by"), Text(request.Value));
        Assert.Equal(Characters("path"), Text(options.Path));
        Assert.Equal(Characters("request_id"), Text(request.RequestId));
        Assert.Equal(given.TryGetValue("request_seq", out JsonElement sequence) ? sequence.GetInt64() : 0, request.RequestSequence);
        Assert.True(request.RequestSequence == 0 || request.HasRequestId);
        Assert.Equal(Characters("prefix"), Text(options.Prefix));
        Assert.Equal(Characters("delimiter"), Text(options.Delimiter));
        Assert.Equal(given.TryGetValue("if_version", out JsonElement version) ? version.GetInt64() : null, options.IfVersion);
        Assert.Equal(Raw("if_exists"), options.IfExists is { } exists ? (exists ? "true" : "false") : "");
        Assert.Equal(given.ContainsKey("ttl") || given.ContainsKey("expires_at"), options.Expiry.Kind != ExpiryKind.NotGiven);
        Assert.Equal(Raw("meta") == "true", options.Meta);
        Assert.Equal(given.ContainsKey("touch"), options.Touch > 0);

        if (given.TryGetValue("objs", out JsonElement objs))
            Assert.Equal(objs.EnumerateArray().Select(key => key.GetString()), options.Operations.Select(get => Text(get.Key)));
        if (!given.TryGetValue("ops", out JsonElement ops)) return;
        Assert.Equal(ops.GetArrayLength(), options.Operations.Length);
        foreach ((Request operation, JsonElement element) in options.Operations.Zip(ops.EnumerateArray()))
        {
            Assert.True(Functions.IsOnOneKey(operation.Function));
            AssertSame(operation with { AcknowledgeFromMemory = false }, element);
        }

        string Raw(string name) => given.TryGetValue(name, out JsonElement value) ? value.GetRawText() : "";
        string Characters(string name) => given.TryGetValue(name, out JsonElement value) ? value.GetString()! : "";
    }

    private static byte[] Pick(Random random, byte[][] from) => from[random.Next(from.Length)];
}
