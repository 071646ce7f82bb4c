namespace KestrelKv.Json.Tests;

public sealed class PutAtTests
{
    [Theory]
    [InlineData("""{ "a" : 1 , "b":2 }""", "/a", "{ \"x\": 1.0 }", """{ "a" : { "x": 1.0 } , "b":2 }""")]
    [InlineData("""{ "a" : 1 , "b":2 }""", "/c", "3", """{ "a" : 1 , "b":2,"c":3 }""")]
    [InlineData("{ }", "/a~1\"\u0001é\\", "3", """{"a/\"\u0001é\\":3 }""")]
    [InlineData("[ 1 , 2 ]", "/1", "3", "[ 1 , 3 ]")]
    [InlineData("[ 1 , 2 ]", "/-", "3", "[ 1 , 2,3 ]")]
    [InlineData("[ ]", "/-", "3", "[3 ]")]
    [InlineData("""{"a":1,"a":{"b":2}}""", "/a/b", "3", """{"a":1,"a":{"b":3}}""")]
    [InlineData(" 1 ", "", "[2]", "[2]")]
    public void Put_Path_SetsOnlyThatPart(string document, string path, string value, string result) =>
        Assert.Equal(result, Edited.Put(document, path, value).Text);

    [Theory]
    [InlineData(null, "/a", "the key does not exist")]
    [InlineData("{}", "/a/b", "the parent of the path does not exist")]
    [InlineData("""{"a":1}""", "/a/b", "the path leads through a value that is neither an object nor an array")]
    [InlineData("[1]", "/1", "the array has no element \"1\"")]
    [InlineData("[1]", "/01", "\"01\" is not an array index, expected a number without leading zeros, or \"-\"")]
    public void Put_MissingParent_IsRefused(string? document, string path, string detail)
    {
        Edited edited = Edited.Put(document, path, "1");
        Assert.Equal((EditStatus.PathNotFound, detail), (edited.Status, edited.Detail));
    }

    [Fact]
    public void Put_EmptyPathOfMissingKey_CreatesValue() => Assert.Equal("[1]", Edited.Put(null, "", "[1]").Text);
}
