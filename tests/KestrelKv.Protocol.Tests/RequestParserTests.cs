using System.Text;
using static KestrelKv.Protocol.Tests.Parsing;

namespace KestrelKv.Protocol.Tests;

public sealed class RequestParserTests
{
    [Theory]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}}""")]
    [InlineData("""{"func":"GET","params":{"obj":"k"}}""")]
    [InlineData("""{"params": {"obj": "k"}, "func": "GET"}""")]
    [InlineData(" \t\r\n{ \"func\"\n:\t\"GET\"\r,\n\"params\" : { \"obj\" : \"k\" } } \r\n")]
    [InlineData("""{"func": "\u0047ET", "params": {"obj": "k"}}""")]
    [InlineData("""{"func": "\u0047\u0045\u0054", "params": {"obj": "k"}}""")]
    [InlineData("""{"\u0066unc": "GET", "p\u0061rams": {"ob\u006a": "k"}}""")]
    public void Parse_SpellingsOfGet_AreOneRequest(string body) => AssertGet(body, "k");

    [Theory]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1}}""")]
    [InlineData("""{"func":"PUT","params":{"obj":"k","val":1}}""")]
    [InlineData("""{"func": "PUT", "params": {"val": 1, "obj": "k"}}""")]
    [InlineData("""{"params": {"obj": "k", "val": 1}, "func": "PUT"}""")]
    [InlineData("""{"params": {"val": 1, "obj": "k"}, "func": "\u0050U\u0054"}""")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "v\u0061l": 1}}""")]
    [InlineData("{\n  \"func\": \"PUT\",\n  \"params\": {\n    \"obj\": \"k\",\n    \"val\":   1  \n  }\n}\n")]
    public void Parse_SpellingsOfPut_AreOneRequest(string body) => AssertPut(body, "k", "1");

    [Theory]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("false")]
    [InlineData("0")]
    [InlineData("-0")]
    [InlineData("1.0")]
    [InlineData("1.10e+07")]
    [InlineData("1E400")]
    [InlineData("1e400")]
    [InlineData("12345678901234567890123")]
    [InlineData("""
        ""
        """)]
    [InlineData("""
        "\u00e9 é \/ / \n"
        """)]
    [InlineData("""
        "half \ud800 a pair \udc00"
        """)]
    [InlineData("""
        "😀 \ud83d\ude00 \u0000"
        """)]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("[ 1,2 ,  3 ]")]
    [InlineData("""{"z": 1, "a": 2, "m": {"func": "GET", "params": 5, "obj": 1, "val": 2}}""")]
    [InlineData("""{"a": 1, "a": 2, "\u0061": 3}""")]
    [InlineData("""{"\ud800": 1}""")]
    [InlineData("{\r\n\t\"a\" :\t1\r\n}")]
    public void Parse_Value_IsExactText(string value)
    {
        AssertPut($$$"""{"func": "PUT", "params": {"obj": "k", "val": {{{value}}}}}""", "k", value);
        AssertPut($$$"""{"params":{"val":  {{{value}}}  ,"obj":"k"},"func":"PUT"}""", "k", value);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(512)]
    [InlineData(1_024)]
    public void Parse_ValueAtDepthLimit_IsAccepted(int depth)
    {
        var limits = new RequestLimits { JsonDepthMax = Math.Max(512, depth) };
        foreach (string value in (string[])[Nested(depth), NestedObjects(depth)])
        {
            AssertPut($$$"""{"func": "PUT", "params": {"obj": "k", "val": {{{value}}}}}""", "k", value, limits);
            AssertPut($$$"""{"params": {"val": {{{value}}}, "obj": "k"}, "func": "PUT"}""", "k", value, limits);
        }
    }

    [Theory]
    [InlineData(512)]
    [InlineData(1_024)]
    public void Parse_ValueBeyondDepthLimit_IsTooDeep(int depthMax)
    {
        var limits = new RequestLimits { JsonDepthMax = depthMax };
        foreach (string value in (string[])[Nested(depthMax + 1), NestedObjects(depthMax + 1), $"[{NestedObjects(depthMax)}]"])
        {
            Request request = Parse($$$"""{"func": "PUT", "params": {"obj": "k", "val": {{{value}}}}}""", limits);
            AssertRefused(request, ErrorCode.TooDeep, $"deeper than {depthMax} levels (Limits:JsonDepthMax)");
        }
    }

    [Theory]
    [InlineData("a", "a")]
    [InlineData("""\u0061""", "a")]
    [InlineData("""\"\\\/\b\f\n\r\t""", "\"\\/\b\f\n\r\t")]
    [InlineData("""\u0000""", "\0")]
    [InlineData("""\ud83d\ude00""", "😀")]
    [InlineData("""\u00E9é""", "éé")]
    [InlineData(" ", " ")]
    public void Parse_Key_IsUnescapedAndNameKeepsSpelling(string spelling, string key)
    {
        AssertGet($$$"""{"func": "GET", "params": {"obj": "{{{spelling}}}"}}""", key, $"\"{spelling}\"");
        AssertPut($$$"""{"func": "PUT", "params": {"val": 0, "obj": "{{{spelling}}}"}}""", key, "0");
    }

    [Theory]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}}""", false)]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": {"ack": "memory"}}}""", false)]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "ack": "memory"}}""", true)]
    [InlineData("""{"func":"PUT","params":{"ack":"memory","val":1,"obj":"k"}}""", true)]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "\u0061ck": "m\u0065mory"}}""", true)]
    public void Parse_Ack_SetsAcknowledgeFromMemory(string body, bool fromMemory)
    {
        Request request = Parse(body);
        Assert.Null(request.Error);
        Assert.Equal(fromMemory, request.AcknowledgeFromMemory);
        Assert.Equal("k", Text(request.Key));
    }

    [Theory]
    [InlineData("k", 16, 16)]
    [InlineData("é", 8, 16)]
    [InlineData("😀", 4, 16)]
    [InlineData("""\u00e9""", 8, 16)]
    [InlineData("""\ud83d\ude00""", 4, 16)]
    public void Parse_KeyLength_CountsUtf8Bytes(string character, int count, int keyBytes)
    {
        string body = Keyed(count);
        Request atLimit = Parse(body, new RequestLimits { KeyBytesMax = keyBytes });
        Assert.Equal((Function.Get, keyBytes), (atLimit.Function, atLimit.Key.Length));

        AssertRefused(
            Parse(body, new RequestLimits { KeyBytesMax = keyBytes - 1 }), ErrorCode.KeyTooLong,
            $"the key has {keyBytes} bytes of UTF-8, expected at most {keyBytes - 1} (Limits:KeyBytesMax)");

        string Keyed(int n) =>
            $$$"""{"func": "GET", "params": {"obj": "{{{string.Concat(Enumerable.Repeat(character, n))}}}"}}""";
    }

    [Theory]
    [InlineData("""{"func": "NOPE"}""", "\"NOPE\"")]
    [InlineData("""{"func": "get", "params": {"obj": "k"}}""", "\"get\"")]
    [InlineData("""{"func": "", "params": {}}""", "\"\"")]
    [InlineData("""{"func": "GET ", "params": {"obj": "k"}}""", "\"GET \"")]
    [InlineData("""{"func": "\u0047ot\n", "params": null}""", "\"\\u0047ot\\n\"")]
    [InlineData("""{"func": "F", "params": [1, {"obj": 2}]}""", "\"F\"")]
    [InlineData("""{"func": "F", "params": {"ack": "disk", "ack": 1}}""", "\"F\"")]
    [InlineData("""{"func": "F", "params": {"obj": 1, "obj": 2, "other": {"x": []}}}""", "\"F\"")]
    [InlineData("""{"params": {"val": 1, "\ud800": 2}, "func": "F"}""", "\"F\"")]
    [InlineData("""{"func": "\ud800"}""", "\"\\ud800\"")]
    public void Parse_UnknownFunction_AllowsAnyParameters(string body, string nameText)
    {
        Request request = Parse(body);
        Assert.Equal((Function.Unknown, nameText), (request.Function, Text(request.NameText)));
        Assert.Null(request.Error);
    }

    [Fact]
    public void Parse_Slices_ReferToBody()
    {
        byte[] body = Encoding.UTF8.GetBytes("""{"func": "PUT", "params": {"obj": "key", "val": 123}}""");
        Request request = Parse(body);
        Assert.True(request.Key.Span.Overlaps(body));
        Assert.True(request.NameText.Span.Overlaps(body));
        Assert.True(request.Value.Span.Overlaps(body));
    }
}
