using System.Text;

namespace KestrelKv.Json.Tests;

public sealed class JsonTextTests
{
    private const int DepthMax = 512;

    [Theory]
    [InlineData("1")]
    [InlineData(" \r\n\t[1, {\"a\": null}] \n")]
    [InlineData("\"\\ud800\"")]
    [InlineData("{\"a\": 1, \"a\": 2}")]
    [InlineData("1e999")]
    public void Check_OneValue_ReturnsNull(string text) => Assert.Null(Check(text));

    [Theory]
    [InlineData("", JsonFaultKind.InvalidJson, "the text is empty")]
    [InlineData(" \n", JsonFaultKind.InvalidJson, "the text is empty")]
    [InlineData("1 2", JsonFaultKind.InvalidJson, "at byte 2")]
    [InlineData("[1,]", JsonFaultKind.InvalidJson, "at byte 3")]
    [InlineData("[\n1,\n\n 2 3]", JsonFaultKind.InvalidJson, "at byte 9")]
    [InlineData("// no\n1", JsonFaultKind.InvalidJson, "at byte 0")]
    [InlineData("\uFEFF1", JsonFaultKind.InvalidJson, "at byte 0")]
    [InlineData("-Infinity", JsonFaultKind.InvalidJson, "NaN and Infinity are not JSON")]
    [InlineData("NaN", JsonFaultKind.InvalidJson, "NaN and Infinity are not JSON")]
    public void Check_InvalidText_ReturnsPositionAndReason(string text, JsonFaultKind kind, string expected)
    {
        JsonFault? error = Check(text);
        Assert.Equal(kind, error?.Kind);
        Assert.Contains(expected, error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_InvalidUtf8_ReturnsPosition()
    {
        JsonFault? error = JsonText.Check([0x22, 0x61, 0xFF, 0x22], DepthMax);
        Assert.Equal(new(JsonFaultKind.InvalidUtf8, "byte 2 (0xff) is not UTF-8"), error);
    }

    [Fact]
    public void Check_Depth_IsLimited()
    {
        Assert.Null(Check(Nested(DepthMax)));
        Assert.Null(Check(NestedObjects(DepthMax)));
        Assert.Equal(JsonFaultKind.TooDeep, Check(Nested(DepthMax + 1))?.Kind);
        Assert.Equal(JsonFaultKind.TooDeep, Check(NestedObjects(DepthMax + 1))?.Kind);
    }

    private static string Nested(int depth) => new string('[', depth) + new string(']', depth);

    private static string NestedObjects(int depth) =>
        string.Concat(Enumerable.Repeat("{\"a\":", depth - 1)) + "{}" + new string('}', depth - 1);

    private static JsonFault? Check(string text) => JsonText.Check(Encoding.UTF8.GetBytes(text), DepthMax);
}
