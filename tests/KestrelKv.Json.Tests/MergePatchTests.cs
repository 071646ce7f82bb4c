namespace KestrelKv.Json.Tests;

public sealed class MergePatchTests
{
    [Theory]
    [InlineData("""{"a":"b"}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"b":"c"}""", """{"a":"b","b":"c"}""")]
    [InlineData("""{"a":"b"}""", """{"a":null}""", "{}")]
    [InlineData("""{"a":"b","b":"c"}""", """{"a":null}""", """{"b":"c"}""")]
    [InlineData("""{"a":["b"]}""", """{"a":"c"}""", """{"a":"c"}""")]
    [InlineData("""{"a":"c"}""", """{"a":["b"]}""", """{"a":["b"]}""")]
    [InlineData("""{"a":{"b":"c"}}""", """{"a":{"b":"d","c":null}}""", """{"a":{"b":"d"}}""")]
    [InlineData("""{"a":[{"b":"c"}]}""", """{"a":[1]}""", """{"a":[1]}""")]
    [InlineData("""["a","b"]""", """["c","d"]""", """["c","d"]""")]
    [InlineData("""{"a":"b"}""", """["c"]""", """["c"]""")]
    [InlineData("""{"a":"foo"}""", "null", "null")]
    [InlineData("""{"a":"foo"}""", "\"bar\"", "\"bar\"")]
    [InlineData("""{"e":null}""", """{"a":1}""", """{"e":null,"a":1}""")]
    [InlineData("[1,2]", """{"a":"b","c":null}""", """{"a":"b"}""")]
    [InlineData("{}", """{"a":{"bb":{"ccc":null}}}""", """{"a":{"bb":{}}}""")]
    public void Merge_Rfc7396Examples_ReturnsResult(string document, string patch, string result) =>
        Assert.Equal(result, Edited.Merge(document, patch).Text);

    [Theory]
    [InlineData(""" { "a" : 1.50 , "b":2 } """, """{"b" : {"x": [1 , null]}}""", """ { "a" : 1.50 , "b":{"x": [1 , null]} } """)]
    [InlineData("""{ "a": 1, "b": 2, "c": 3 }""", """{"b":null}""", """{ "a": 1, "c": 3 }""")]
    [InlineData("""{ "a": 1, "b": 2, "c": 3 }""", """{"a":null}""", """{ "b": 2, "c": 3 }""")]
    [InlineData("""{ "a": 1, "b": 2, "c": 3 }""", """{"c":null,"a":null}""", """{ "b": 2 }""")]
    [InlineData("""{ "a": 1 }""", """{"a":null,"n":1}""", """{ "n":1 }""")]
    [InlineData("{ }", """{ "n" : 1, "m":2}""", """{"n":1,"m":2 }""")]
    [InlineData("""{"a":1,"b":2,"a":3}""", """{"a":4}""", """{"a":1,"b":2,"a":4}""")]
    [InlineData("""{"a":1,"b":2,"a":3}""", """{"a":null}""", """{"b":2}""")]
    [InlineData("""{"a":1}""", """{"\u0061":2,"\u0062":3}""", """{"a":2,"\u0062":3}""")]
    [InlineData("""{"a":1}""", """{"b":1,"b":{"c":null,"d":2},"e":7,"e":null}""", """{"a":1,"b":{"d":2}}""")]
    [InlineData("""{"a":{"x":1},"a":{"y":2}}""", """{"a":{"x":3}}""", """{"a":{"x":1},"a":{"y":2,"x":3}}""")]
    [InlineData("""{"\ud800":1,"\ud801":2}""", """{"\uD801":3,"\udc00":4}""", """{"\ud800":1,"\ud801":3,"\udc00":4}""")]
    public void Merge_RareDocuments_PreservesUnchangedText(string document, string patch, string result) =>
        Assert.Equal(result, Edited.Merge(document, patch).Text);

    [Theory]
    [InlineData("""{"a": null, "b" : {"c":null}, "d": [null] }""", """{"b" : {}, "d": [null] }""")]
    [InlineData("""{"a": {"b" : 1.0}}""", """{"a": {"b" : 1.0}}""")]
    [InlineData("""{"a":"null"}""", """{"a":"null"}""")]
    [InlineData("""{"a":null,"a":1}""", """{"a":1}""")]
    [InlineData("[null]", "[null]")]
    [InlineData("null", "null")]
    public void Merge_MissingKey_IsPatchWithoutNulls(string patch, string result) => Assert.Equal(result, Edited.Merge(null, patch).Text);
}
