using System.Text;

namespace KestrelKv.Json.Tests;

public sealed class JsonPointerTests
{
    /// <summary>The document of RFC 6901 section 5.</summary>
    private const string Example = """
           {
              "foo": ["bar", "baz"],
              "": 0,
              "a/b": 1,
              "c%d": 2,
              "e^f": 3,
              "g|h": 4,
              "i\\j": 5,
              "k\"l": 6,
              " ": 7,
              "m~n": 8
           }
        """;

    [Theory]
    [InlineData("/foo", """["bar", "baz"]""")]
    [InlineData("/foo/0", "\"bar\"")]
    [InlineData("/", "0")]
    [InlineData("/a~1b", "1")]
    [InlineData("/c%d", "2")]
    [InlineData("/e^f", "3")]
    [InlineData("/g|h", "4")]
    [InlineData("/i\\j", "5")]
    [InlineData("/k\"l", "6")]
    [InlineData("/ ", "7")]
    [InlineData("/m~0n", "8")]
    public void TryFind_Rfc6901Examples_FindsText(string path, string part) => Assert.Equal(part, Find(Example, path));

    [Fact]
    public void TryFind_EmptyPath_ReturnsDocumentWithoutWhiteSpace() => Assert.Equal(Example.Trim(), Find(Example, ""));

    [Theory]
    [InlineData("""{"a":1,"a":2}""", "/a", "2")]
    [InlineData("""{"a":{"b":1},"a":{"c":2}}""", "/a/b", null)]
    [InlineData("""{"a":{"b":1},"\u0061":{"b":[ 3 ]},"z":{"b":4}}""", "/a/b", "[ 3 ]")]
    [InlineData("""{"a":[{"b":1},{"b":2}],"c":{"a":[5]}}""", "/a/1/b", "2")]
    [InlineData("""["a","b",["c"],"d"]""", "/2/0", "\"c\"")]
    [InlineData("""{"\ud83d\ude00":1}""", "/\U0001F600", "1")]
    [InlineData("""{"\ud800":1}""", "/\uFFFD", null)]
    [InlineData("""{"~1":1,"/":2}""", "/~01", "1")]
    [InlineData("[0,1]", "/01", null)]
    [InlineData("[0,1]", "/-", null)]
    [InlineData("[0,1]", "/2", null)]
    [InlineData("[0,1]", "/+1", null)]
    [InlineData("[0,1]", "/", null)]
    [InlineData("[0,1]", "/4294967296", null)]
    [InlineData("[0,1]", "/0/0", null)]
    [InlineData("\"text\"", "/0", null)]
    [InlineData("{}", "/a", null)]
    public void TryFind_RareDocuments_FindsLastMatchOrNothing(string document, string path, string? part) =>
        Assert.Equal(part, Find(document, path));

    [Theory]
    [InlineData("", null)]
    [InlineData("/", null)]
    [InlineData("/a~0~1/0", null)]
    [InlineData("a", "the JSON Pointer \"a\" does not begin with \"/\"")]
    [InlineData("#/a", "the JSON Pointer \"#/a\" does not begin with \"/\"")]
    [InlineData("/a~", "the JSON Pointer \"/a~\" has \"~\" at byte 2, expected \"~0\" or \"~1\"")]
    [InlineData("/a~01/~2", "the JSON Pointer \"/a~01/~2\" has \"~\" at byte 6, expected \"~0\" or \"~1\"")]
    public void Check_Pointer_ReturnsReasonOrNull(string path, string? fault) => Assert.Equal(fault, JsonPointer.Check(Edited.Bytes(path)));

    [Fact]
    public void Check_NotUtf8_IsRefused() => Assert.Equal("the JSON Pointer is not UTF-8", JsonPointer.Check([(byte)'/', 0xFF]));

    private static string? Find(string document, string path) =>
        JsonPointer.TryFind(Edited.Bytes(document), Edited.Bytes(path), out ReadOnlySpan<byte> part) ? Encoding.UTF8.GetString(part) : null;
}
