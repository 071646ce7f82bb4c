using System.Text;
using System.Text.Json;

namespace KestrelKv.Protocol.Tests;

public sealed class TextBufferTests
{
    [Theory]
    [InlineData("")]
    [InlineData("plain key:1")]
    [InlineData("é € 'quoted' & <so> \u007f")]
    [InlineData("\" \\ / \0 \b \f \n \r \t \u001f")]
    [InlineData("😀 at the end 😀")]
    [InlineData("\u2028 \uFFFF \uFEFF")]
    public void WriteString_AnyCharacters_WritesJsonString(string characters)
    {
        using var text = new TextBuffer();
        text.WriteString(Encoding.UTF8.GetBytes(characters));
        using JsonDocument document = JsonDocument.Parse(Encoding.UTF8.GetString(text.Written));
        Assert.Equal(characters, document.RootElement.GetString());
    }

    [Fact]
    public void WriteString_LongText_IsComplete()
    {
        string characters = string.Concat(Enumerable.Range(0, 5_000).Select(i => $"{i}\"é😀"));
        using var text = new TextBuffer();
        text.WriteString(characters);
        using JsonDocument document = JsonDocument.Parse(Encoding.UTF8.GetString(text.Written));
        Assert.Equal(characters, document.RootElement.GetString());
    }

    [Fact]
    public void WriteString_InvalidUtf8_IsReplaced()
    {
        using var text = new TextBuffer();
        text.WriteString([0x61, 0xFF, 0xC3]);
        using JsonDocument document = JsonDocument.Parse(Encoding.UTF8.GetString(text.Written));
        Assert.Equal("a\uFFFD\uFFFD", document.RootElement.GetString());
    }

    [Theory]
    [InlineData(0, "null")]
    [InlineData(1, "0.001")]
    [InlineData(1_000, "1")]
    [InlineData(1_790_000_000_500, "1790000000.5")]
    [InlineData(1_790_000_000_050, "1790000000.05")]
    [InlineData(253_402_300_799_999, "253402300799.999")]
    public void WriteTime_Milliseconds_WritesSecondsWithoutTrailingZeros(long milliseconds, string expected)
    {
        using var text = new TextBuffer();
        text.WriteTime(milliseconds);
        Assert.Equal(expected, Encoding.UTF8.GetString(text.Written));
    }

    [Fact]
    public void Write_TruncateAndClear_LeavesExpectedText()
    {
        using var text = new TextBuffer();
        for (int i = 0; i < 100_000; i++) text.WriteNumber(i % 10);
        Assert.Equal(string.Concat(Enumerable.Repeat("0123456789", 10_000)), Encoding.UTF8.GetString(text.Written));
        text.Truncate(3);
        text.WriteNumber(long.MinValue);
        text.WriteBoolean(true);
        Assert.Equal("012-9223372036854775808true", Encoding.UTF8.GetString(text.Written));
        text.Clear();
        Assert.Equal(0, text.Length);
        text.Write("x"u8);
        Assert.Equal("x", Encoding.UTF8.GetString(text.Written));
    }
}
