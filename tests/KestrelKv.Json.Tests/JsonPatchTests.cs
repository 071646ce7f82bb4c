using System.Text;

namespace KestrelKv.Json.Tests;

public sealed class JsonPatchTests
{
    [Theory]
    // A.1 to A.5
    [InlineData("""{ "foo": "bar"}""", """[{ "op": "add", "path": "/baz", "value": "qux" }]""", """{ "foo": "bar","baz":"qux"}""")]
    [InlineData(
        """{ "foo": [ "bar", "baz" ] }""", """[{ "op": "add", "path": "/foo/1", "value": "qux" }]""",
        """{ "foo": [ "bar","qux", "baz" ] }""")]
    [InlineData("""{ "baz": "qux", "foo": "bar" }""", """[{ "op": "remove", "path": "/baz" }]""", """{ "foo": "bar" }""")]
    [InlineData("""{ "foo": [ "bar", "qux", "baz" ] }""", """[{ "op": "remove", "path": "/foo/1" }]""", """{ "foo": [ "bar", "baz" ] }""")]
    [InlineData(
        """{ "baz": "qux", "foo": "bar" }""", """[{ "op": "replace", "path": "/baz", "value": "boo" }]""",
        """{ "baz": "boo", "foo": "bar" }""")]
    // A.6 and A.7
    [InlineData(
        """{ "foo": { "bar": "baz", "waldo": "fred" }, "qux": { "corge": "grault" } }""",
        """[{ "op": "move", "from": "/foo/waldo", "path": "/qux/thud" }]""",
        """{ "foo": { "bar": "baz" }, "qux": { "corge": "grault","thud":"fred" } }""")]
    [InlineData(
        """{ "foo": [ "all", "grass", "cows", "eat" ] }""",
        """[{ "op": "move", "from": "/foo/1", "path": "/foo/3" }]""",
        """{ "foo": [ "all", "cows", "eat","grass" ] }""")]
    // A.8, A.10, A.11
    [InlineData(
        """{ "baz": "qux", "foo": [ "a", 2, "c" ] }""",
        """[{ "op": "test", "path": "/baz", "value": "qux" }, { "op": "test", "path": "/foo/1", "value": 2 }]""",
        """{ "baz": "qux", "foo": [ "a", 2, "c" ] }""")]
    [InlineData(
        """{ "foo": "bar" }""", """[{ "op": "add", "path": "/child", "value": { "grandchild": { } } }]""",
        """{ "foo": "bar","child":{ "grandchild": { } } }""")]
    [InlineData(
        """{ "foo": "bar" }""", """[{ "op": "add", "path": "/baz", "value": "qux", "xyz": 123 }]""", """{ "foo": "bar","baz":"qux" }""")]
    // A.14, A.16
    [InlineData("""{ "/": 9, "~1": 10 }""", """[{"op": "test", "path": "/~01", "value": 10}]""", """{ "/": 9, "~1": 10 }""")]
    [InlineData(
        """{ "foo": ["bar"] }""", """[{ "op": "add", "path": "/foo/-", "value": ["abc", "def"] }]""",
        """{ "foo": ["bar",["abc", "def"]] }""")]
    public void Patch_Rfc6902Examples_ReturnsResult(string document, string patch, string result) =>
        Assert.Equal(result, Edited.Patch(document, patch).Text);

    [Theory]
    // A.9, A.12, A.15
    [InlineData("""{ "baz": "qux" }""", """[{ "op": "test", "path": "/baz", "value": "bar" }]""", EditStatus.TestFailed,
        "operation 0 (\"test\" of \"/baz\"): the value does not equal the tested value")]
    [InlineData("""{ "foo": "bar" }""", """[{ "op": "add", "path": "/baz/bat", "value": "qux" }]""", EditStatus.PathNotFound,
        "operation 0 (\"add\" of \"/baz/bat\"): the parent of the path does not exist")]
    [InlineData("""{ "/": 9, "~1": 10 }""", """[{"op": "test", "path": "/~01", "value": "10"}]""", EditStatus.TestFailed,
        "operation 0 (\"test\" of \"/~01\"): the value does not equal the tested value")]
    // Cases that the appendix does not cover.
    [InlineData("""{"a":{}}""", """[{"op":"add","path":"/b","value":1},{"op":"test","path":"/b","value":1},{"op":"remove","path":"/a/b"}]""",
        EditStatus.PathNotFound, "operation 2 (\"remove\" of \"/a/b\"): the object has no member \"b\"")]
    [InlineData(
        "[1]", """[{"op":"add","path":"/2","value":1}]""", EditStatus.PathNotFound,
        "operation 0 (\"add\" of \"/2\"): the array has no element \"2\"")]
    [InlineData("[1]", """[{"op":"add","path":"/00","value":1}]""", EditStatus.PathNotFound,
        "operation 0 (\"add\" of \"/00\"): \"00\" is not an array index, expected a number without leading zeros, or \"-\"")]
    [InlineData(
        "[1]", """[{"op":"replace","path":"/-","value":1}]""", EditStatus.PathNotFound,
        "operation 0 (\"replace\" of \"/-\"): the array has no element \"-\"")]
    [InlineData(
        "[1]", """[{"op":"test","path":"/1","value":1}]""", EditStatus.PathNotFound,
        "operation 0 (\"test\" of \"/1\"): the array has no element \"1\"")]
    [InlineData("[1]", """[{"op":"add","path":"/0/a","value":1}]""", EditStatus.PathNotFound,
        "operation 0 (\"add\" of \"/0/a\"): the path leads through a value that is neither an object nor an array")]
    [InlineData(
        "[1]", """[{"op":"copy","from":"/1","path":"/0"}]""", EditStatus.PathNotFound,
        "operation 0 (\"copy\" of \"/0\"): \"from\" is \"/1\", where no value exists")]
    [InlineData(
        "[1]", """[{"op":"move","from":"/-","path":"/0"}]""", EditStatus.PathNotFound,
        "operation 0 (\"move\" of \"/0\"): \"from\" is \"/-\", where no value exists")]
    [InlineData(
        "[1]", """[{"op":"remove","path":""}]""", EditStatus.PathNotFound,
        "operation 0 (\"remove\" of \"\"): a patch cannot remove the whole value; use DELETE")]
    [InlineData(null, "[]", EditStatus.PathNotFound, "the key does not exist")]
    public void Patch_NotApplicable_ReturnsReason(string? document, string patch, EditStatus status, string detail)
    {
        Edited edited = Edited.Patch(document, patch);
        Assert.Equal((status, detail), (edited.Status, edited.Detail));
    }

    [Theory]
    [InlineData("""{"a":1,"b":2,"a":3}""", """[{"op":"remove","path":"/a"}]""", """{"b":2}""")]
    [InlineData("""{"a":1,"b":2,"a":3}""", """[{"op":"add","path":"/a","value":4}]""", """{"a":1,"b":2,"a":4}""")]
    [InlineData("""{"a":1}""", """[{"op":"move","from":"/a","path":"/a"}]""", """{"a":1}""")]
    [InlineData("""{"a":1}""", """[{"op":"copy","from":"","path":"/b"}]""", """{"a":1,"b":{"a":1}}""")]
    [InlineData("""{"a":[1]}""", """[{"op":"move","from":"/a","path":""}]""", "[1]")]
    [InlineData("""[1, 2]""", """[{"op":"add","path":"/0","value":0}]""", "[0,1, 2]")]
    [InlineData("""[1, 2]""", """[{"op":"add","path":"/2","value":0}]""", "[1, 2,0]")]
    [InlineData("""{"\ud800":1}""", """[{"op":"move","from":"/\ud800","path":"/\udc00"}]""", """{"\udc00":1}""")]
    [InlineData("1", """[{"\u006fp":"\u0061dd","path":"","value":{}},{"op":"add","path":"/a~1\u0022","value":2}]""", """{"a/\"":2}""")]
    public void Patch_RareCases_ReturnsResult(string document, string patch, string result) =>
        Assert.Equal(result, Edited.Patch(document, patch).Text);

    [Theory]
    [InlineData("1", "1.0", true)]
    [InlineData("1e2", "100", true)]
    [InlineData("-0", "0.0e5", true)]
    [InlineData("0.1", "0.10000000000000000000000000000001", false)]
    [InlineData("9007199254740993", "9007199254740992", false)]
    [InlineData("1e100000000000000000000", "10e99999999999999999999", true)]
    [InlineData("1e100000000000000000000", "1e99999999999999999999", false)]
    [InlineData("1e-100000000000000000000", "0.1e-99999999999999999999", true)]
    [InlineData("10e-100000000000000000000", "1e-99999999999999999999", true)]
    [InlineData("1e-100000000000000000000", "10e-99999999999999999999", false)]
    [InlineData("1e+099999999999999999999", "0.1E100000000000000000000", true)]
    [InlineData("1e9223372036854775808", "10e9223372036854775807", true)]
    [InlineData("1e9223372036854775808", "1e-9223372036854775808", false)]
    [InlineData("1e9223372036854775808", "1", false)]
    [InlineData("1e00000000000000000000000000002", "100", true)]
    [InlineData("1", "-1", false)]
    [InlineData("12", "120", false)]
    [InlineData("12", "1", false)]
    [InlineData("1.25", "1.2e0", false)]
    [InlineData("12.5e-1", "0.125E+1", true)]
    [InlineData("\"a\\/\"", "\"\\u0061/\"", true)]
    [InlineData("\"\\ud83d\\ude00\"", "\"\U0001F600\"", true)]
    [InlineData("\"\\ud83d\"", "\"\\ud83d\\ude00\"", false)]
    [InlineData("[1,2]", "[2,1]", false)]
    [InlineData("[1,2]", "[1,2,3]", false)]
    [InlineData("""{"a":1,"b":[{}]}""", """{ "b" : [ { } ], "\u0061":1.0 }""", true)]
    [InlineData("""{"a":2,"a":1}""", """{"a":3,"a":1}""", true)]
    [InlineData("""{"a":1}""", """{"a":1,"b":1}""", false)]
    [InlineData("""{"a":1,"b":1}""", """{"a":1}""", false)]
    [InlineData("null", "0", false)]
    [InlineData("true", "false", false)]
    [InlineData("{}", "[]", false)]
    public void Patch_Test_ComparesValues(string left, string right, bool equal)
    {
        EditStatus expected = equal ? EditStatus.Done : EditStatus.TestFailed;
        Assert.Equal(expected, Edited.Patch($"[{left}]", $$"""[{"op":"test","path":"/0","value":{{right}}}]""").Status);
        Assert.Equal(expected, Edited.Patch($"[{right}]", $$"""[{"op":"test","path":"/0","value":{{left}}}]""").Status);
    }

    [Fact]
    public void Patch_TestOfLongExponent_DoesNotConvertToNumber()
    {
        const int Digits = 100_000;
        byte[] left = Encoding.ASCII.GetBytes($"1e1{new string('0', Digits)}");
        byte[] right = Encoding.ASCII.GetBytes($"10e{new string('9', Digits)}");
        Assert.True(JsonNumber.Equals(left, right));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.True(JsonNumber.Equals(left, right));

        // The runtime may allocate a little on any thread.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Digits / 10);
    }
}
