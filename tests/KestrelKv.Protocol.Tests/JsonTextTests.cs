using System.Text;
using static KestrelKv.Protocol.Tests.Parsing;

namespace KestrelKv.Protocol.Tests;

public sealed class JsonTextTests
{
    private const int DepthMax = 512;

    [Theory]
    [InlineData("1")]
    [InlineData(" \r\n\t[1, {\"a\": null}] \n")]
    [InlineData("\"\\ud800\"")]
    [InlineData("{\"a\": 1, \"a\": 2}")]
    [InlineData("1e999")]
    public void Check_OneValue_FindsNothing(string text) => Assert.Null(Check(text));

    [Theory]
    [InlineData("", ErrorCode.InvalidJson, "the text is empty")]
    [InlineData(" \n", ErrorCode.InvalidJson, "the text is empty")]
    [InlineData("1 2", ErrorCode.InvalidJson, "at byte 2")]
    [InlineData("[1,]", ErrorCode.InvalidJson, "at byte 3")]
    [InlineData("[\n1,\n\n 2 3]", ErrorCode.InvalidJson, "at byte 9")]
    [InlineData("// no\n1", ErrorCode.InvalidJson, "at byte 0")]
    [InlineData("\uFEFF1", ErrorCode.InvalidJson, "at byte 0")]
    [InlineData("-Infinity", ErrorCode.InvalidJson, "NaN and Infinity are not JSON")]
    [InlineData("NaN", ErrorCode.InvalidJson, "NaN and Infinity are not JSON")]
    public void Check_AnythingElse_SaysWhereAndWhy(string text, ErrorCode code, string essence)
    {
        ProtocolError? error = Check(text);
        Assert.Equal(code, error?.Code);
        Assert.Contains(essence, error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_NotUtf8_SaysWhere()
    {
        ProtocolError? error = JsonText.Check([0x22, 0x61, 0xFF, 0x22], DepthMax);
        Assert.Equal(new(ErrorCode.InvalidUtf8, "byte 2 (0xff) is not UTF-8"), error);
    }

    [Fact]
    public void Check_Depth_IsLimited()
    {
        Assert.Null(Check(Nested(DepthMax)));
        Assert.Null(Check(NestedObjects(DepthMax)));
        Assert.Equal(ErrorCode.TooDeep, Check(Nested(DepthMax + 1))?.Code);
        Assert.Equal(ErrorCode.TooDeep, Check(NestedObjects(DepthMax + 1))?.Code);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData(" \t\r\n", "")]
    [InlineData("1", "1")]
    [InlineData(" \t\r\n[ 1 ] \t\r\n", "[ 1 ]")]
    [InlineData("\" \" ", "\" \"")]
    [InlineData("\u00A01", "\u00A01")]
    public void Trim_WhiteSpace_IsTakenFromBothEnds(string text, string trimmed) =>
        Assert.Equal(trimmed, Text(JsonText.Trim(Encoding.UTF8.GetBytes(text))));

    private static ProtocolError? Check(string text) => JsonText.Check(Encoding.UTF8.GetBytes(text), DepthMax);
}
