using static KestrelKv.Protocol.Tests.Parsing;

namespace KestrelKv.Protocol.Tests;

/// <summary>Requests with nested requests, and request ids.</summary>
public sealed class BatchParserTests
{
    [Fact]
    public void Parse_Ops_AreParsedLikeSingleRequests()
    {
        Request batch = Parse(
            """
            {"func": "BATCH", "params": {"ack": "memory", "ops": [ {"func": "PUT", "params": {"val": [1.0 ,2], "obj": "\u0061"}},
              {"params": {"obj": "b", "path": "/x"}, "func": "G\u0045T"} ]}}
            """);
        Assert.Equal((Function.Batch, null), (batch.Function, batch.Error));
        Request[] ops = batch.Options!.Operations;
        Assert.Equal(
            (Function.Put, "a", "\"\\u0061\"", "[1.0 ,2]", true),
            (ops[0].Function, Text(ops[0].Key), Text(ops[0].NameText), Text(ops[0].Value), ops[0].AcknowledgeFromMemory));
        Assert.Equal((Function.Get, "b", "/x"), (ops[1].Function, Text(ops[1].Key), Text(ops[1].Options!.Path)));
        Assert.Equal(2, ops.Length);
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(1_001)]
    public void Parse_OpsAndObjs_AllowUpTo1000(int count)
    {
        foreach (string body in (string[])[
            $$$"""{"func": "BATCH", "params": {"ops": [{{{Many("""{"func": "GET", "params": {"obj": "k"}}""")}}}]}}""",
            $$$"""{"func": "MGET", "params": {"objs": [{{{Many("\"k\"")}}}]}}"""])
        {
            Request request = Parse(body);
            if (count > 1_000) AssertRefused(request, ErrorCode.InvalidValue, "more than 1000 elements");
            else Assert.Equal(count, request.Options!.Operations.Length);
        }

        string Many(string element) => string.Join(",", Enumerable.Repeat(element, count));
    }

    [Theory]
    [InlineData("[1]", ErrorCode.WrongType, "\"objs\"[0] is a number")]
    [InlineData("""["a", null]""", ErrorCode.WrongType, "\"objs\"[1] is null")]
    [InlineData("""["a", ["b"]]""", ErrorCode.WrongType, "\"objs\"[1] is an array")]
    [InlineData("""["a", ""]""", ErrorCode.InvalidKey, "\"objs\"[1]: the key is empty")]
    [InlineData("""["\ud800"]""", ErrorCode.InvalidKey, "\"objs\"[0]: the key has a lone surrogate")]
    public void Parse_InvalidObjs_AreRefused(string objs, ErrorCode code, string expected) =>
        AssertRefused(Parse($$$"""{"func": "MGET", "params": {"objs": {{{objs}}}}}"""), code, expected);

    [Theory]
    [InlineData(512, true)]
    [InlineData(513, false)]
    public void Parse_ValueInBatch_HasDepthLimitOfSingleValue(int depth, bool isValid)
    {
        var limits = new RequestLimits { JsonDepthMax = 512 };
        Request request = Parse(
            $$$"""{"func": "BATCH", "params": {"ops": [{"func": "GET", "params": {"obj": "k"}}, {"func": "PUT", "params": {"obj": "k", "val": {{{Nested(depth)}}}}}]}}""", limits);
        Assert.Equal(
            isValid ? null : (ErrorCode.TooDeep, 1),
            request.Error is { } error ? (error.Code, error.Index!.Value) : ((ErrorCode, int)?)null);
        Assert.Equal(
            ErrorCode.TooDeep, Parse($$$"""{"func": "PUT", "params": {"obj": "k", "val": {{{Nested(513)}}}}}""", limits).Error?.Code);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("-1.5E+3")]
    [InlineData("\"\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("12345678901234567890123")]
    public void Parse_Id_KeepsSpelling(string id)
    {
        Assert.Equal(id, Text(Parse($$$"""{"id": {{{id}}}, "func": "GET", "params": {"obj": "k"}}""").IdText));
        Assert.Equal(id, Text(Parse($$$"""{"func": "NOPE", "id":{{{id}}}}""").IdText));
        Assert.Equal(id, Text(Parse($$$"""{"func": "GET", "params": {}, "id": {{{id}}} }""").IdText));
        Assert.Equal(id, Text(Parse($$$"""{"id": {{{id}}}, "x": 1, oops""").IdText));
    }

    [Theory]
    [InlineData("null", ErrorCode.WrongType)]
    [InlineData("[1]", ErrorCode.WrongType)]
    [InlineData("{}", ErrorCode.WrongType)]
    [InlineData("true", ErrorCode.WrongType)]
    public void Parse_InvalidId_IsRefusedAndNotReturned(string id, ErrorCode code)
    {
        Request request = Parse($$$"""{"func": "GET", "params": {"obj": "k"}, "id": {{{id}}}}""");
        AssertRefused(request, code, "expected a string or a number");
        Assert.True(request.IdText.IsEmpty);
    }

    [Fact]
    public void Parse_LongId_IsRefused()
    {
        Assert.Equal(1_024, Parse(WithId(1_022)).IdText.Length);
        Request request = Parse(WithId(1_023));
        AssertRefused(request, ErrorCode.InvalidValue, "\"id\" has 1025 bytes, expected at most 1024");
        Assert.True(request.IdText.IsEmpty);

        static string WithId(int length) => $$$"""{"func": "GET", "params": {"obj": "k"}, "id": "{{{new string('i', length)}}}"}""";
    }
}
