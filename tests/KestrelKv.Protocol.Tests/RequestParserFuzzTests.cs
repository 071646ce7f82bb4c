using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using KestrelKv.Testing;
using static KestrelKv.Protocol.Tests.Parsing;

namespace KestrelKv.Protocol.Tests;

/// <summary>Whatever comes in: the parser never throws, and agrees with <see cref="JsonDocument"/> on what it holds.</summary>
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
        ]).Select(Encoding.UTF8.GetBytes),
    ];

    private static readonly byte[][] Tokens =
    [
        .. ((string[])[
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "\\udc00", "\\u0061", "\"obj\"", "\"val\"", "\"func\"",
            "\"params\"", "\"GET\"", "\"PUT\"", "\"\\ud800\":1,", "null", "NaN", "-Infinity", "1e999", " ", "\n", "\0", "/*", "//",
            "\"obj\":\"b\",", "\"ack\":\"memory\",", "\"val\":[],", "é", "😀", "\uFEFF", "[[[[[[[[",
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
            Assert.Equal(request.Error!.Code == ErrorCode.NotAnObject, root.ValueKind != JsonValueKind.Object);
            return;
        }

        JsonElement func = root.GetProperty("func");
        if (request.Function == Function.Unknown)
        {
            Assert.Equal(func.GetRawText(), Text(request.NameText));
            return;
        }

        JsonElement parameters = root.GetProperty("params");
        JsonElement obj = parameters.GetProperty("obj");
        bool isPut = request.Function == Function.Put;
        Assert.Equal(isPut ? "PUT" : "GET", func.GetString());
        Assert.Equal(2, root.EnumerateObject().Count());
        bool hasAck = parameters.TryGetProperty("ack", out JsonElement ack);
        Assert.Equal((isPut ? 2 : 1) + (hasAck ? 1 : 0), parameters.EnumerateObject().Count());
        Assert.Equal(hasAck, request.AcknowledgeFromMemory);
        if (hasAck) Assert.Equal("memory", ack.GetString());
        Assert.Equal(obj.GetRawText(), Text(request.NameText));
        Assert.Equal(obj.GetString(), Text(request.Key));
        Assert.InRange(request.Key.Length, 1, Limits.KeyBytesMax);
        if (isPut) Assert.Equal(parameters.GetProperty("val").GetRawText(), Text(request.Value));
    }

    private static byte[] Pick(Random random, byte[][] from) => from[random.Next(from.Length)];
}
