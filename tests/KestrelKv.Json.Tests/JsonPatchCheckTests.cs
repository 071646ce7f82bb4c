
namespace KestrelKv.Json.Tests;

public sealed class JsonPatchCheckTests
{
    private const string Operations = "\"add\", \"remove\", \"replace\", \"move\", \"copy\" or \"test\"";

    [Theory]
    [InlineData("[]")]
    [InlineData("""[{"op":"add","path":"","value":null}, {"op":"remove","path":"/a","from":7,"value":1,"more":[]}]""")]
    [InlineData(
        """[{"op":"move","path":"/ab","from":"/a"},{"op":"move","path":"/a","from":"/a"},{"op":"move","path":"/a","from":"/a/b"}]""")]
    [InlineData("""[{"\u006fp":"cop\u0079","path":"/\ud800","from":""},{"op":"copy","path":"/a/b","from":"/a"}]""")]
    public void Check_ValidPatch_ReturnsNull(string patch) => Assert.Null(JsonPatch.Check(Edited.Bytes(patch)));

    [Theory]
    [InlineData("{}", "the JSON Patch is not an array, expected an array of operations")]
    [InlineData("\"[]\"", "the JSON Patch is not an array, expected an array of operations")]
    [InlineData("""[{"op":"remove","path":""},[]]""", "operation 1: not an object, expected {\"op\": ..., \"path\": ...}")]
    [InlineData("[{}]", "operation 0: \"op\" is missing, expected " + Operations)]
    [InlineData("""[{"op":1,"path":""}]""", "operation 0: \"op\" is not a string, expected " + Operations)]
    [InlineData("""[{"op":"Add","path":"","value":1}]""",
        "operation 0: \"op\" is \"Add\", expected " + Operations)]
    [InlineData("""[{"op":"remove"}]""", "operation 0: \"path\" is missing, expected a JSON Pointer")]
    [InlineData("""[{"op":"remove","path":null}]""", "operation 0: \"path\" is not a string, expected a JSON Pointer")]
    [InlineData("""[{"op":"remove","path":"a"}]""", "operation 0: \"path\": the JSON Pointer \"a\" does not begin with \"/\"")]
    [InlineData(
        """[{"op":"remove","path":"/~"}]""",
        "operation 0: \"path\": the JSON Pointer \"/~\" has \"~\" at byte 1, expected \"~0\" or \"~1\"")]
    [InlineData("""[{"op":"add","path":""}]""", "operation 0: \"value\" is missing, expected any JSON value")]
    [InlineData("""[{"op":"replace","path":""}]""", "operation 0: \"value\" is missing, expected any JSON value")]
    [InlineData("""[{"op":"test","path":""}]""", "operation 0: \"value\" is missing, expected any JSON value")]
    [InlineData("""[{"op":"move","path":""}]""", "operation 0: \"from\" is missing, expected a JSON Pointer")]
    [InlineData("""[{"op":"copy","path":"","from":{}}]""", "operation 0: \"from\" is not a string, expected a JSON Pointer")]
    [InlineData("""[{"op":"copy","path":"","from":"~"}]""", "operation 0: \"from\": the JSON Pointer \"~\" does not begin with \"/\"")]
    [InlineData(
        """[{"op":"move","path":"/a/b","from":"/\u0061"}]""",
        "operation 0: \"path\" is inside \"from\": a value cannot be moved into itself")]
    [InlineData(
        """[{"op":"move","path":"/a","from":""}]""", "operation 0: \"path\" is inside \"from\": a value cannot be moved into itself")]
    // RFC 6902, A.13
    [InlineData("""[{ "op": "add", "path": "/baz", "value": "qux", "op": "remove" }]""", "operation 0: \"op\" is given twice")]
    [InlineData("""[{ "op": "add", "path": "/baz", "value": "qux", "\u0070ath": "/b" }]""", "operation 0: \"path\" is given twice")]
    public void Check_InvalidPatch_ReturnsReason(string patch, string fault) => Assert.Equal(fault, JsonPatch.Check(Edited.Bytes(patch)));
}
