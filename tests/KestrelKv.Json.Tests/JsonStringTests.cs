using System.Text;

namespace KestrelKv.Json.Tests;

public sealed class JsonStringTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("plain", "plain")]
    [InlineData("\\u0061b", "ab")]
    [InlineData("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t")]
    [InlineData("\\u00e9\\u20ac\\ud83d\\ude00", "\u00e9\u20ac\U0001F600")]
    [InlineData("\u00e9\ud7ff\U0001F600\\n", "\u00e9\ud7ff\U0001F600\n")]
    public void TryUnescape_ValidString_ReturnsCharacters(string spelled, string text)
    {
        Assert.True(JsonString.TryUnescape(Bytes(spelled), out byte[] characters));
        Assert.Equal(text, Encoding.UTF8.GetString(characters));
        Assert.True(JsonString.UnescapesTo(Bytes(spelled), Bytes(text)));
        Assert.False(JsonString.UnescapesTo(Bytes(spelled), Bytes(text + "x")));
        Assert.False(JsonString.UnescapesTo(Bytes(spelled + "x"), Bytes(text)));
    }

    [Theory]
    [InlineData("\\ud800")]
    [InlineData("\\udc00\\ud800")]
    [InlineData("a\\ud83d\\u0061")]
    public void TryUnescape_LoneSurrogate_ReturnsFalse(string spelled)
    {
        Assert.False(JsonString.TryUnescape(Bytes(spelled), out _));
        Assert.False(JsonString.UnescapesTo(Bytes(spelled), Bytes("\uFFFD")));
    }

    [Fact]
    public void StandsFor_TextWithBackslash_ComparesUnescaped()
    {
        Assert.False(JsonString.UnescapesTo("\\n"u8, "\\n"u8));
        Assert.True(JsonString.UnescapesTo("\\\\n"u8, "\\n"u8));
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
