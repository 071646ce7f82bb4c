
namespace KestrelKv.Json.Tests;

public sealed class JsonPatchCheckTests
{
    [Theory]
    [InlineData("[]")]
    [InlineData("""[{"op":"add","path":"","value":null}, {"op":"remove","path":"/a","from":7,"value":1,"more":[]}]""")]
    [InlineData("""[{"op":"move","path":"/ab","from":"/a"},{"op":"move","path":"/a","from":"/a"},{"op":"move","path":"/a","from":"/a/b"}]""")]
    [InlineData("""[{"\u006fp":"cop\u0079","path":"/\ud800","from":""},{"op":"copy","path":"/a/b","from":"/a"}]""")]
    public void Check_Patch_FindsNothing(string patch) => Assert.Null(JsonPatch.Check(Edited.Bytes(patch)));

    [Theory]
    [InlineData("{}", "a JSON Patch is an array of operations")]
    [InlineData("\"[]\"", "a JSON Patch is an array of operations")]
    [InlineData("""[{"op":"remove","path":""},[]]""", "operation 1: it is not an object")]
    [InlineData("[{}]", "operation 0: \"op\" is missing")]
    [InlineData("""[{"op":1,"path":""}]""", "operation 0: \"op\" is not a string")]
    [InlineData("""[{"op":"Add","path":"","value":1}]""",
        "operation 0: \"op\" is none of \"add\", \"remove\", \"replace\", \"move\", \"copy\" and \"test\"")]
    [InlineData("""[{"op":"remove"}]""", "operation 0: \"path\" is missing")]
    [InlineData("""[{"op":"remove","path":null}]""", "operation 0: \"path\" is not a string")]
    [InlineData("""[{"op":"remove","path":"a"}]""", "operation 0: \"path\" is not a JSON Pointer: it is neither empty nor does it begin with \"/\"")]
    [InlineData("""[{"op":"remove","path":"/~"}]""", "operation 0: \"path\" is not a JSON Pointer: the \"~\" at byte 1 is followed by neither 0 nor 1")]
    [InlineData("""[{"op":"add","path":""}]""", "operation 0: \"value\" is missing")]
    [InlineData("""[{"op":"replace","path":""}]""", "operation 0: \"value\" is missing")]
    [InlineData("""[{"op":"test","path":""}]""", "operation 0: \"value\" is missing")]
    [InlineData("""[{"op":"move","path":""}]""", "operation 0: \"from\" is missing")]
    [InlineData("""[{"op":"copy","path":"","from":{}}]""", "operation 0: \"from\" is not a string")]
    [InlineData("""[{"op":"copy","path":"","from":"~"}]""", "operation 0: \"from\" is not a JSON Pointer: it is neither empty nor does it begin with \"/\"")]
    [InlineData("""[{"op":"move","path":"/a/b","from":"/\u0061"}]""", "operation 0: nothing can be moved into itself")]
    [InlineData("""[{"op":"move","path":"/a","from":""}]""", "operation 0: nothing can be moved into itself")]
    // RFC 6902, A.13
    [InlineData("""[{ "op": "add", "path": "/baz", "value": "qux", "op": "remove" }]""", "operation 0: \"op\" is given twice")]
    [InlineData("""[{ "op": "add", "path": "/baz", "value": "qux", "\u0070ath": "/b" }]""", "operation 0: \"path\" is given twice")]
    public void Check_NoPatch_TellsWhatIsWrong(string patch, string fault) => Assert.Equal(fault, JsonPatch.Check(Edited.Bytes(patch)));
}
