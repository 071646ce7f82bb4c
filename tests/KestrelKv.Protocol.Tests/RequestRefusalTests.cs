using System.Text;
using static KestrelKv.Protocol.Tests.Parsing;

namespace KestrelKv.Protocol.Tests;

public sealed class RequestRefusalTests
{
    [Theory]
    [InlineData("", "the text is empty")]
    [InlineData(" \t\r\n ", "the text is empty")]
    [InlineData("{", "at byte 1")]
    [InlineData("}", "at byte 0")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}""", "at byte 38")]
    [InlineData("""{"func": "GET", "params": {"obj": "k""", "at byte 36")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"},}""", "at byte 39")]
    [InlineData("""{"func": "GET", "params": {"obj": "k",}}""", "at byte 38")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": [1,]}}""", "at byte 49")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 01}}""", "at byte 47")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": .5}}""", "at byte 46")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": +5}}""", "at byte 46")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": tru}}""", "at byte 49")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": "\x"}}""", "at byte 48")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": "\u12g4"}}""", "at byte 51")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": }}""", "at byte 46")]
    [InlineData("""{"func" "GET"}""", "at byte 8")]
    [InlineData("""{"func": "GET" "params": {}}""", "at byte 15")]
    [InlineData("""{func: "GET"}""", "at byte 1")]
    [InlineData("""{'func': 'GET'}""", "at byte 1")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}} x""", "at byte 40")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}}{}""", "at byte 39")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}} null""", "at byte 40")]
    [InlineData("[] 1", "at byte 3")]
    [InlineData("1 2", "at byte 2")]
    [InlineData("""/* a comment */ {"func": "GET", "params": {"obj": "k"}}""", "at byte 0")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}} // a comment""", "at byte 40")]
    [InlineData("{\n  \"func\": \"GET\",\n  oops\n}", "at byte 21")]
    [InlineData("{\"func\": \"PUT\", \"params\": {\"obj\": \"k\", \"val\": \"a\nb\"}}", "at byte 48")]
    [InlineData("\uFEFF{\"func\": \"GET\", \"params\": {\"obj\": \"k\"}}", "at byte 0")]
    public void Parse_InvalidJson_ReportsPosition(string body, string expected)
    {
        Request request = Parse(body);
        AssertRefused(request, ErrorCode.InvalidJson, expected);
        Assert.DoesNotContain("LineNumber", request.Error!.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("reader options", request.Error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NaN", 46)]
    [InlineData("Infinity", 46)]
    [InlineData("-Infinity", 47)]
    [InlineData("[1, NaN]", 50)]
    public void Parse_NanOrInfinity_ReportsAlternative(string value, int offset) => AssertRefused(
        Parse($$$"""{"func": "PUT", "params": {"obj": "k", "val": {{{value}}}}}"""), ErrorCode.InvalidJson,
        $"at byte {offset}: NaN and Infinity are not JSON; send null or a string instead");

    [Theory]
    [InlineData(new byte[] { 0xFF }, 0)]
    [InlineData(new byte[] { 0x20, 0xC0, 0xAF }, 1)] // overlong
    [InlineData(new byte[] { 0x22, 0xC3, 0xA9, 0xED, 0xA0, 0x80, 0x22 }, 3)] // a surrogate
    [InlineData(new byte[] { 0x22, 0xF4, 0x90, 0x80, 0x80, 0x22 }, 1)] // beyond U+10FFFF
    [InlineData(new byte[] { 0x22, 0xE2, 0x82 }, 1)] // cut off
    [InlineData(new byte[] { 0xFF, 0xFE, 0x7B, 0x00 }, 0)] // UTF-16 with a byte order mark
    public void Parse_InvalidUtf8_ReportsPosition(byte[] body, int offset) =>
        AssertRefused(Parse(body), ErrorCode.InvalidUtf8, $"byte {offset} (0x{body[offset]:x2}) is not UTF-8");

    [Fact]
    public void Parse_InvalidUtf8InValue_ReportsPosition()
    {
        byte[] body = Encoding.UTF8.GetBytes("""{"func": "PUT", "params": {"obj": "k", "val": "é?"}}""");
        body[49] = 0xE9; // the question mark
        AssertRefused(Parse(body), ErrorCode.InvalidUtf8, "byte 49 (0xe9)");
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("""[{"func": "GET", "params": {"obj": "k"}}]""")]
    [InlineData("\"GET\"")]
    [InlineData("1")]
    [InlineData("null")]
    [InlineData("true")]
    public void Parse_NotAnObject_IsRefused(string body) =>
        AssertRefused(Parse(body), ErrorCode.NotAnObject, "the body is not an object");

    [Theory]
    [InlineData("{}", "\"func\" is missing")]
    [InlineData("""{"params": {"obj": "k"}}""", "\"func\" is missing")]
    [InlineData("""{"func": "GET"}""", "\"params\" is missing")]
    [InlineData("""{"func": "PUT"}""", "\"params\" is missing")]
    [InlineData("""{"func": "GET", "params": {}}""", "\"obj\" is missing")]
    [InlineData("""{"func": "PUT", "params": {}}""", "\"obj\" is missing")]
    [InlineData("""{"func": "PUT", "params": {"val": 1}}""", "\"obj\" is missing")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k"}}""", "\"val\" is missing")]
    public void Parse_MissingMember_IsRefused(string body, string expected) =>
        AssertRefused(Parse(body), ErrorCode.MissingParameter, expected);

    [Theory]
    [InlineData(
        """{"func": "GET", "params": {"obj": "k"}, "ID": 1}""",
        "unknown member \"ID\", expected \"func\", \"params\" and optionally \"id\" and \"trace\"")]
    [InlineData("""{"ids": [{}], "func": "F"}""", "unknown member \"ids\"")]
    [InlineData("""{"Func": "GET", "params": {"obj": "k"}}""", "unknown member \"Func\"")]
    [InlineData("""{"": 1, "func": "GET", "params": {"obj": "k"}}""", "unknown member \"\"")]
    [InlineData("""{"\ud800": 1, "func": "GET", "params": {"obj": "k"}}""", "unknown member \"\\ud800\"")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "val": 1}}""", "unknown parameter \"val\" of GET")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "if_version": 1}}""", "unknown parameter \"if_version\" of GET")]
    [InlineData(
        """{"func": "PUT", "params": {"obj": "k", "val": 1, "if_versions": {"a": 2}}}""", "unknown parameter \"if_versions\" of PUT")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "o\udc00": 2}}""", "unknown parameter \"o\\udc00\" of PUT")]
    public void Parse_UnknownMember_IsRefused(string body, string expected) =>
        AssertRefused(Parse(body), ErrorCode.UnknownParameter, expected);

    [Theory]
    [InlineData("""{"func": "GET", "func": "GET", "params": {"obj": "k"}}""", "\"func\"")]
    [InlineData("""{"func": "F", "f\u0075nc": "F"}""", "\"func\"")]
    [InlineData("""{"params": {"obj": "k"}, "func": "GET", "params": {"obj": "k"}}""", "\"params\"")]
    [InlineData("""{"func": "GET", "params": 1, "params": {"obj": "k"}}""", "\"params\"")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "obj": "k"}}""", "\"obj\"")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "val": 1}}""", "\"val\"")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "v\u0061l": 1, "val": 2}}""", "\"val\"")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "ack": "memory", "ack": "memory"}}""", "\"ack\"")]
    public void Parse_DuplicateMember_IsRefused(string body, string member) =>
        AssertRefused(Parse(body), ErrorCode.DuplicateParameter, $"{member} is given twice");

    [Theory]
    [InlineData("")]
    [InlineData("disk")]
    [InlineData("Memory")]
    [InlineData("memory ")]
    [InlineData("memor\\ud800")]
    public void Parse_InvalidAck_IsRefused(string ack)
    {
        foreach (string body in (string[])[
            $$$"""{"func": "GET", "params": {"obj": "k", "ack": "{{{ack}}}"}}""",
            $$$"""{"func": "PUT", "params": {"ack": "{{{ack}}}", "obj": "k", "val": 1}}"""])
        {
            AssertRefused(Parse(body), ErrorCode.InvalidValue, $"\"ack\" is \"{ack}\", expected \"memory\"");
        }
    }

    [Theory]
    [InlineData("""{"func": 1}""", "\"func\" is a number, expected a string")]
    [InlineData("""{"func": null}""", "\"func\" is null")]
    [InlineData("""{"func": {"a": "GET"}}""", "\"func\" is an object")]
    [InlineData("""{"func": ["GET"]}""", "\"func\" is an array")]
    [InlineData("""{"func": "GET", "params": "k"}""", "\"params\" is a string, expected an object")]
    [InlineData("""{"func": "GET", "params": ["k"]}""", "\"params\" is an array")]
    [InlineData("""{"func": "GET", "params": null}""", "\"params\" is null")]
    [InlineData("""{"func": "GET", "params": {"obj": 1}}""", "\"obj\" is a number, expected the key as a string")]
    [InlineData("""{"func": "GET", "params": {"obj": null}}""", "\"obj\" is null")]
    [InlineData("""{"func": "PUT", "params": {"val": 1, "obj": true}}""", "\"obj\" is a boolean")]
    [InlineData("""{"func": "GET", "params": {"obj": "k", "ack": true}}""", "\"ack\" is a boolean, expected the string \"memory\"")]
    [InlineData("""{"func": "PUT", "params": {"obj": "k", "val": 1, "ack": null}}""", "\"ack\" is null")]
    [InlineData("""{"func": "PUT", "params": {"val": 1, "obj": {"val": 2}}}""", "\"obj\" is an object")]
    public void Parse_WrongType_IsRefused(string body, string expected) =>
        AssertRefused(Parse(body), ErrorCode.WrongType, expected);

    [Theory]
    [InlineData("", "the key is empty")]
    [InlineData("""\ud800""", "lone surrogate")]
    [InlineData("""a\udc00""", "lone surrogate")]
    [InlineData("""\ude00\ud83d""", "lone surrogate")]
    [InlineData("""\ud800x""", "lone surrogate")]
    [InlineData("""\ud800\u0041""", "lone surrogate")]
    public void Parse_InvalidKey_IsRefused(string spelling, string expected) => AssertRefused(
        Parse($$$"""{"func": "GET", "params": {"obj": "{{{spelling}}}"}}"""), ErrorCode.InvalidKey, expected);

    [Fact]
    public void Parse_LongUnknownMember_IsTruncatedInMessage()
    {
        Request request = Parse($$$"""{"func": "GET", "params": {"obj": "k", "{{{new string('x', 5_000)}}}": 1}}""");
        AssertRefused(request, ErrorCode.UnknownParameter, "\"xxxx");
        Assert.InRange(request.Error!.Message.Length, 64, 200);
    }
}
