using System.Text;
using static KestrelKv.Protocol.Tests.Parsing;

namespace KestrelKv.Protocol.Tests;

public sealed class TraceTests
{
    private const string Valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    [Theory]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}, "trace": "TRACE"}""")]
    [InlineData("""{"func":"GET","params":{"obj":"k"},"trace":"TRACE"}""")]
    [InlineData("""{"trace": "TRACE", "func": "GET", "params": {"obj": "k"}}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}, "id": 1, "trace": "TRACE"}""")]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}, "tr\u0061ce": "TRACE"}""")]
    public void Parse_WithTrace_IsTheRequestWithIt(string body)
    {
        Request request = Parse(body.Replace("TRACE", Valid, StringComparison.Ordinal));
        Assert.Equal((Function.Get, null, "k"), (request.Function, request.Error, Text(request.Key)));
        Assert.Null(request.Options);
        Assert.True(request.HasTrace);
        Assert.Equal(Valid, TraceOf(request));
    }

    [Fact]
    public void Parse_TraceWithEscapes_IsUnescaped()
    {
        string escaped = string.Concat(Valid.Select(c => $"\\u{(int)c:x4}"));
        Assert.Equal(Valid, TraceOf(Parse($$$"""{"func": "PING", "trace": "{{{escaped}}}"}""")));
    }

    [Theory]
    [InlineData("""{"func": "GET", "params": {"obj": "k"}}""")]
    [InlineData("""{"params": {"obj": "k"}, "func": "GET", "id": "x"}""")]
    [InlineData("[]")]
    public void Parse_WithoutTrace_HasNone(string body)
    {
        Request request = Parse(body);
        Assert.False(request.HasTrace);
        Assert.True(request.Trace.IsEmpty);
    }

    [Theory]
    [InlineData("""{"trace": "TRACE", "func": "GET", "params": {}}""", ErrorCode.MissingParameter)]
    [InlineData("""{"trace": "TRACE", "func": "GET", "params": {"obj": ""}}""", ErrorCode.InvalidKey)]
    [InlineData("""{"trace": "TRACE", "func": "INCR", "params": {"obj": "k", "by": "1"}}""", ErrorCode.WrongType)]
    [InlineData("""{"trace": "TRACE", "func": "GET", "other": 1}""", ErrorCode.UnknownParameter)]
    [InlineData("""{"trace": "TRACE", "func": """, ErrorCode.InvalidJson)]
    public void Parse_RefusedAfterTrace_KeepsIt(string body, ErrorCode code)
    {
        Request request = Parse(body.Replace("TRACE", Valid, StringComparison.Ordinal));
        Assert.Equal((Function.Invalid, code), (request.Function, request.Error?.Code));
        Assert.Equal(Valid, TraceOf(request));
        Assert.Equal(Valid, TraceOf(request.Refused(ProtocolError.DiskFailed)));
    }

    [Theory]
    [InlineData("1", "is a number")]
    [InlineData("null", "is null")]
    [InlineData("true", "is a boolean")]
    [InlineData("[\"00\"]", "is an array")]
    [InlineData("{}", "is an object")]
    public void Parse_TraceOfAnotherType_IsRefused(string trace, string expected) =>
        AssertRefused(Parse(WithTrace(trace)), ErrorCode.WrongType, $"\"trace\" {expected}, expected a string");

    [Theory]
    [InlineData("", "has 0 bytes")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", "has 54 bytes")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", "has 56 bytes")]
    [InlineData(" 0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "does not begin with the version 00")]
    [InlineData("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "does not begin with the version 00")]
    [InlineData("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "does not begin with the version 00")]
    [InlineData("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "does not begin with the version 00")]
    [InlineData("00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "has another character")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", "has another character")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902B7-01", "has another character")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A", "has another character")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-x1", "has another character")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e47360-0f067aa0ba902b7-01", "has another character")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7001", "has another character")]
    [InlineData("00-00000000000000000000000000000000-00f067aa0ba902b7-01", "has a trace id of zeros")]
    [InlineData("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "has a parent id of zeros")]
    public void Parse_InvalidTrace_IsRefusedWithoutRepeatingIt(string trace, string expected)
    {
        Request request = Parse(WithTrace($"\"{trace}\""));
        AssertRefused(request, ErrorCode.InvalidValue, $"\"trace\" {expected}");
        Assert.Contains("00-TRACE_ID-PARENT_ID-FLAGS", request.Error!.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("4736", request.Error.Message, StringComparison.Ordinal);
        Assert.False(request.HasTrace);
        Assert.Equal("7", Text(request.IdText));
    }

    [Fact]
    public void Parse_LongTraceWithEscapes_IsRefused() =>
        AssertRefused(Parse(WithTrace($"\"{string.Concat(Enumerable.Repeat("\\u0030", 56))}\"")), ErrorCode.InvalidValue, "bytes");

    [Fact]
    public void Parse_TraceTwice_IsRefused() => AssertRefused(
        Parse($$"""{"func": "PING", "trace": "{{Valid}}", "trace": "{{Valid}}"}"""), ErrorCode.DuplicateParameter, "\"trace\" is given twice");

    [Fact]
    public void Parse_TraceInAnOperationOfABatch_IsRefused() => AssertRefused(
        Parse($$$$"""{"func": "BATCH", "params": {"ops": [{"func": "GET", "params": {"obj": "k"}, "trace": "{{{{Valid}}}}"}]}}"""),
        ErrorCode.UnknownParameter, "unknown member \"trace\"");

    [Theory]
    [InlineData("00", false)]
    [InlineData("01", true)]
    [InlineData("02", false)]
    [InlineData("03", true)]
    [InlineData("f9", true)]
    [InlineData("0a", false)]
    [InlineData("0b", true)]
    [InlineData("fe", false)]
    [InlineData("ff", true)]
    public void IsSampled_Flags_IsTheLowestBit(string flags, bool expected)
    {
        Request request = Parse(WithTrace($"\"{Valid[..^2]}{flags}\""));
        Assert.Null(request.Error);
        Assert.Equal(expected, TraceParent.IsSampled(request.Trace));
        Assert.Equal("4bf92f3577b34da6a3ce929d0e0e4736", Encoding.ASCII.GetString(TraceParent.TraceId(request.Trace)));
        Assert.Equal("00f067aa0ba902b7", Encoding.ASCII.GetString(TraceParent.ParentId(request.Trace)));
    }

    private static string WithTrace(string trace) => $$$"""{"func": "GET", "params": {"obj": "k"}, "id": 7, "trace": {{{trace}}}}""";

    private static string TraceOf(in Request request) => Encoding.UTF8.GetString(request.Trace);
}
