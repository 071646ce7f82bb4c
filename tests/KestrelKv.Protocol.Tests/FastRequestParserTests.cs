using System.Text;
using KestrelKv.Json;
using static KestrelKv.Protocol.Tests.Parsing;
using static KestrelKv.Protocol.Tests.FastParsing;

namespace KestrelKv.Protocol.Tests;

/// <summary>Bodies that the fast parser parses, and bodies that it leaves to the general parser.</summary>
public sealed class FastRequestParserTests
{
    [Theory]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}}""")]
    [InlineData("""{"func":"GET","params":{"obj":"k"}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "ключ 😀"}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}, "id": 17}""")]
    [InlineData("""{"func":"GET","params":{"obj":"k"},"id":"a-17"}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": null}}""")]
    [InlineData("""{"func":"PUT","params":{"obj":"k","val":-1.5e+10}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": "text"}, "id": -0.5}""")]
    [InlineData("""{"func":"PUT","params":{"obj":"k","val":{"a":[1,2.5,{"b":true}],"c":{}}},"id":"\u0061"}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": {"a": "\u00e9\n", "é": ["😀", []], "a": false}}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "meta": true}}""")]
    [InlineData("""{"func":"GET","params":{"obj":"k","meta":true},"id":1}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": {"a": 1}, "meta": true}, "id": "x"}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "request_id": "c-7"}}""")]
    [InlineData("""{"func":"PUT","params":{"obj":"k","val":1,"meta":true,"request_id":"é"}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "meta": true, "request_id": "c-7", "request_seq": 1}}""")]
    [InlineData("""{"func":"PUT","params":{"obj":"k","val":"v","request_id":"c-7","request_seq":9007199254740992},"id":5}""")]
    [InlineData("{\"func\":\"PUT\",\"params\":{\"obj\":\"k\",\"val\":[\r\n\t1 ,\n{ \"a\" : 2 } ]}}")]
    public void TryParse_SpellingsOfClients_AreParsed(string body) => Assert.True(AssertAgrees(body, new()));

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"func": "GET", "params": {"obj": ""}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "\u006b"}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}} """)]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "val": 1}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "obj": "k"}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}, "id": null}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}, "id": [1]}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}, "id": 1, "id": 1}""")]
    [InlineData("""{"func": "DEL", "params": {"obj": "k"}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k"}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": }}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "ack": "memory"}}""")]
    [InlineData("""{"func": "PUT", "params": {"val": 1, "obj": "k"}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "meta": false}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "meta": true, "meta": true}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "meta": true, "request_id": "c"}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "request_id": "c", "meta": true}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "request_id": ""}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "request_id": "\u0063"}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "request_id": 7}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "request_seq": 1}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "request_id": "c", "request_seq": 9007199254740993}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "request_id": "c", "request_seq": "1"}}""")]
    [InlineData("\uFEFF{\"func\": \"GET\", \"params\": {\"obj\": \"k\"}}")]
    public void TryParse_OtherSpellings_AreLeftToGeneralParser(string body) => Assert.False(IsParsed(body));

    [Theory]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": {"a": [1, "é"]}}, "id": 7}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "meta": true}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "meta": true}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "request_id": "c.1", "request_seq": 7}}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "meta": true, "request_id": "c.1"}}""")]
    public void TryParse_AllocatesNothing(string text)
    {
        var limits = new RequestLimits();
        byte[] body = Encoding.UTF8.GetBytes(text);
        Assert.True(FastRequestParser.TryParse(body, limits, out _));
        long before = GC.GetAllocatedBytesForCurrentThread();
        FastRequestParser.TryParse(body, limits, out _);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9)]
    [InlineData(JsonSkipper.NestingMax - 1)]
    [InlineData(JsonSkipper.NestingMax)]
    public void TryParse_Nesting_IsParsedUpToLimit(int depthMax)
    {
        var limits = new RequestLimits { JsonDepthMax = depthMax };
        foreach (Func<int, string> nested in (Func<int, string>[])[Nested, NestedObjects, depth => $"[1, {Nested(depth - 1)}, {{}}]"])
        {
            if (depthMax > 1) Assert.True(AssertAgrees(Put("k", nested(depthMax)), limits));
            Assert.False(AssertAgrees(Put("k", nested(depthMax + 1)), limits));
            AssertRefused(Parse(Put("k", nested(depthMax + 1)), limits), ErrorCode.TooDeep, "");
        }
    }

    [Fact]
    public void Parse_NestedBeyondSkipperLimit_UsesGeneralParser()
    {
        Assert.True(IsParsed(Put("k", Nested(JsonSkipper.NestingMax))));
        string value = Nested(JsonSkipper.NestingMax + 1);
        Assert.False(IsParsed(Put("k", value)));
        AssertPut(Put("k", value), "k", value);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(4_096)]
    public void TryParse_Key_IsParsedUpToLimit(int bytesMax)
    {
        var limits = new RequestLimits { KeyBytesMax = bytesMax };
        Assert.True(AssertAgrees(Get(new string('k', bytesMax)), limits));
        Assert.False(AssertAgrees(Get(new string('k', bytesMax + 1)), limits));
        if (bytesMax > 1)
        {
            Assert.True(AssertAgrees(Get($"é{new string('k', bytesMax - 2)}"), limits));
            Assert.False(AssertAgrees(Get($"é{new string('k', bytesMax - 1)}"), limits));
        }
    }

    [Fact]
    public void TryParse_Id_IsParsedUpToLimit()
    {
        foreach (string quote in (string[])["", "\""])
        {
            string longest = $"{quote}{new string('7', Envelope.IdBytesMax - (2 * quote.Length))}{quote}";
            Assert.True(AssertAgrees($"{Get("k")[..^1]}, \"id\": {longest}}}", new()));
            Assert.False(IsParsed($"{Get("k")[..^1]}, \"id\": {longest.Insert(1, "7")}}}"));
        }
    }

    [Fact]
    public void TryParse_SpecialBytesAtAllPositions_AgreesWithGeneralParser()
    {
        var limits = new RequestLimits();
        byte[] odd = [0x00, 0x1F, (byte)' ', (byte)'"', (byte)'\\', 0x7F, 0x80, 0xC3, 0xFF];
        for (int length = 1; length <= (4 * JsonSkipper.TextBytesMin) + 3; length++)
        {
            string text = new('s', length);
            Assert.True(AssertAgrees(Get(text), limits));
            Assert.True(AssertAgrees(Put("k", $"\"{text}\""), limits));
            Assert.True(AssertAgrees(Put("k", $"[\"{text}é\", 1]"), limits));
            for (int position = 0; position < length; position++)
            {
                foreach (byte character in odd)
                {
                    AssertAgrees(With(Get(text), character), limits);
                    AssertAgrees(With(Put("k", $"\"{text}\""), character), limits);
                    AssertAgrees(With($"{Put("k", "1")[..^2]}, \"request_id\": \"{text}\"}}}}", character), limits);
                }

                byte[] With(string body, byte character)
                {
                    byte[] bytes = Encoding.UTF8.GetBytes(body);
                    bytes[body.LastIndexOf(text, StringComparison.Ordinal) + position] = character;
                    return bytes;
                }
            }
        }
    }

    [Fact]
    public void TryParse_AllShortTexts_AreParsedIfNumbers()
    {
        var limits = new RequestLimits();
        foreach (string number in Texts("-+.eE019", 5))
        {
            string body = Put("k", number);
            Assert.Equal(Parse(body, limits).Function == Function.Put, AssertAgrees(body, limits));
        }
    }

    [Fact]
    public void TryParse_AllShortSequences_AreParsedIfIntegers()
    {
        var limits = new RequestLimits();
        foreach (string number in Texts("-+.eE019", 5))
        {
            string body = $"{Put("k", "1")[..^2]}, \"request_id\": \"c\", \"request_seq\": {number}}}}}";
            Assert.Equal(Parse(body, limits).Function == Function.Put, AssertAgrees(body, limits));
        }
    }

    [Fact]
    public void TryParse_RequestId_IsParsedUpToLimit()
    {
        foreach (string id in (string[])[new string('i', 128), new string('é', 64)])
        {
            Assert.True(AssertAgrees(WithRequestId(id), new()));
            Assert.False(IsParsed(WithRequestId(id + "i")));
        }

        static string WithRequestId(string id) => $"{Put("k", "1")[..^2]}, \"request_id\": \"{id}\"}}}}";
    }

    [Fact]
    public void TryParse_AllShortValues_AgreesWithGeneralParser()
    {
        var limits = new RequestLimits { JsonDepthMax = 2 };
        int parsed = 0;
        foreach (string value in Texts("{}[]:,\"\\n1- \n/", 5))
            if (AssertAgrees(Put("k", value), limits)) parsed++;
        Assert.InRange(parsed, 1_000, 5_000);
    }

    /// <summary>Returns all texts of these characters, from one character up to a maximum length.</summary>
    private static IEnumerable<string> Texts(string characters, int lengthMax)
    {
        IEnumerable<string> texts = [""];
        for (int length = 1; length <= lengthMax; length++)
        {
            texts = texts.SelectMany(text => characters.Select(character => text + character));
            foreach (string text in texts) yield return text;
        }
    }

    private static string Get(string key) => $$$"""{"func": "GET", "params": {"obj": "{{{key}}}"}}""";

    private static string Put(string key, string value) => $$$"""{"func": "PUT", "params": {"obj": "{{{key}}}", "val": {{{value}}}}}""";
}
