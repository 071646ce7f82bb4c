using System.Text;

namespace KestrelKv.Json.Tests;

/// <summary>Edits at and beyond the limits of length and nesting.</summary>
public sealed class LimitTests
{
    private const int Deep = 100_000;

    private static readonly DocumentLimits DeepLimits = new(1 << 26, Deep);

    public static TheoryData<string> Kinds => ["put", "merge", "patch", "increment"];

    /// <summary>Changes <c>{"a":1}</c> to <c>{"a":1,"b":12345}</c>, which has 17 bytes.</summary>
    private static Edited Lengthen(string kind, DocumentLimits limits) => kind switch
    {
        "put" => Edited.Put("""{"a":1}""", "/b", "12345", limits),
        "merge" => Edited.Merge("""{"a":1}""", """{"b":12345}""", limits),
        "patch" => Edited.Patch("""{"a":1}""", """[{"op":"add","path":"/b","value":12345}]""", limits),
        _ => Edited.Increment("""{"a":1}""", "/b", "12345", limits),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Apply_MaximumLength_IsDone(string kind) => Assert.Equal("""{"a":1,"b":12345}""", Lengthen(kind, new(17, 9)).Text);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Apply_OneByteMore_IsTooLong(string kind) => Assert.Equal(EditStatus.ValueTooLong, Lengthen(kind, new(16, 9)).Status);

    /// <summary>Changes <c>{"a":[]}</c> to a value with 4 levels.</summary>
    private static Edited Deepen(string kind, DocumentLimits limits) => kind switch
    {
        "put" => Edited.Put("""{"a":[]}""", "/a/-", "[[]]", limits),
        "merge" => Edited.Merge("""{"a":[]}""", """{"a":{"b":{"c":[]}}}""", limits),
        "patch" => Edited.Patch("""{"a":[]}""", """[{"op":"add","path":"/a/0","value":[[]]}]""", limits),
        _ => Edited.Increment("""{"a":[]}""", "/a/-/b/c", "1", limits),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Apply_MaximumDepth_IsDone(string kind) => Assert.Equal(EditStatus.Done, Deepen(kind, new(99, 4)).Status);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Apply_OneLevelMore_IsTooDeep(string kind) => Assert.Equal(EditStatus.TooDeep, Deepen(kind, new(99, 3)).Status);

    [Fact]
    public void Patch_TooLongIntermediateValue_IsRefused() => Assert.Equal(EditStatus.ValueTooLong, Edited.Patch(
        "[1]", """[{"op":"add","path":"/-","value":"long"},{"op":"remove","path":"/1"}]""", new(9, 9)).Status);

    [Fact]
    public void Patch_DoublingCopies_StopsAtLimit()
    {
        string copies = string.Join(',', Enumerable.Repeat("""{"op":"copy","from":"","path":"/-"}""", 10_000));
        Assert.Equal(EditStatus.ValueTooLong, Edited.Patch("[1]", $"[{copies}]", new(1 << 20, 1 << 20)).Status);
        Assert.Equal(EditStatus.TooDeep, Edited.Patch("[1]", $"[{string.Join(',', copies.Split(',')[..9])}]", new(1 << 20, 3)).Status);
    }

    [Fact]
    public void Patch_ManyOperationsOnLongDocument_StopsAtLimit()
    {
        string document = $$"""{"text": "{{new string('x', 1 << 20)}}", "list": []}""";
        string Adds(int count) =>
            $"[{string.Join(',', Enumerable.Range(0, count).Select(i => $$"""{"op":"add","path":"/list/-","value":{{i}}}"""))}]";
        string added = document.Replace("[]", $"[{string.Join(',', Enumerable.Range(0, 250))}]", StringComparison.Ordinal);
        Assert.Equal(added, Edited.Patch(document, Adds(250), DeepLimits).Text);
        Assert.Equal(EditStatus.PatchTooLong, Edited.Patch(document, Adds(257), DeepLimits).Status);
    }

    [Theory]
    [InlineData("[", "]", "/0")]
    [InlineData("{\"a\":", "}", "/a")]
    public void Apply_HundredThousandLevels_IsDone(string open, string close, string token)
    {
        string document = Nested(open, "1", close, Deep), path = Repeated(token, Deep);
        Assert.Equal(Nested(open, "3", close, Deep), Edited.Increment(document, path, "2", DeepLimits).Text);
        Assert.Equal(EditStatus.TooDeep, Edited.Put(document, path, "{}", DeepLimits).Status);
        Assert.Equal("1", Found(document, path));

        string test = $$"""[{"op":"test","path":"","value":{{Nested(open + " ", "1.0", close, Deep)}}}]""";
        Assert.Equal(document, Edited.Patch(document, test, DeepLimits).Text);
        string remove = $$"""[{"op":"remove","path":"{{path}}"}]""";
        string removed = Repeated(open, Deep - 1) + open[0] + Repeated(close, Deep);
        Assert.Equal(removed, Edited.Patch(document, remove, DeepLimits).Text);
    }

    [Fact]
    public void Merge_HundredThousandLevels_IsDone()
    {
        string document = Nested("{\"b\":null,\"a\":", "1", "}", Deep);
        string patch = Nested("{\"b\":null,\"a\":", "2", "}", Deep);
        string merged = Nested("{\"a\":", "2", "}", Deep);
        Assert.Equal(merged, Edited.Merge(document, patch, DeepLimits).Text);
        Assert.Equal(merged, Edited.Merge(null, patch, DeepLimits).Text);
        Assert.Equal(merged, Edited.Merge("[]", merged, DeepLimits).Text);
        Assert.Equal(EditStatus.TooDeep, Edited.Merge("[]", merged, DeepLimits with { DepthMax = Deep - 1 }).Status);
    }

    [Fact]
    public void Increment_PathOfHundredThousandMissingObjects_CreatesThem()
    {
        string path = Repeated("/a", Deep);
        Assert.Equal(Nested("{\"a\":", "1", "}", Deep), Edited.Increment(null, path, "1", DeepLimits).Text);
        Assert.Equal(EditStatus.TooDeep, Edited.Increment("{}", path + "/a", "1", DeepLimits).Status);
    }

    [Fact]
    public void Merge_HundredThousandMembers_IsDone()
    {
        string Members(int value) => "{" + string.Join(',', Enumerable.Range(0, Deep).Select(i => $"\"m{i}\":{value}")) + "}";
        Assert.Equal(Members(2), Edited.Merge(Members(1), Members(2), DeepLimits).Text);
        Assert.Equal(Members(2), Edited.Merge("{}", Members(2), DeepLimits).Text);
        Assert.Equal("{}", Edited.Merge(Members(1), Members(2).Replace(":2", ":null", StringComparison.Ordinal), DeepLimits).Text);
    }

    [Theory]
    [InlineData("~0")]
    [InlineData("x")]
    public void Apply_LongNamesToAWideObject_IsDone(string token)
    {
        string wide = "{" + string.Join(',', Enumerable.Range(0, Deep).Select(i => $"\"\\u006d{i}\":1")) + "}";
        string longName = Repeated(token, 4_000_000), name = longName.Replace("~0", "~", StringComparison.Ordinal);
        string added = $"{wide[..^1]},\"{name}\":2}}";
        Assert.Equal(added, Edited.Put(wide, "/" + longName, "2", DeepLimits).Text);
        Assert.Equal($"{wide[..^1]},\"\\u0061{name}\":2}}", Edited.Merge(wide, $"{{\"\\u0061{name}\":2}}", DeepLimits).Text);
    }

    private static string Nested(string open, string inside, string close, int depth) =>
        Repeated(open, depth) + inside + Repeated(close, depth);

    private static string Repeated(string text, int count) => new StringBuilder(text.Length * count).Insert(0, text, count).ToString();

    private static string? Found(string document, string path) =>
        JsonPointer.TryFind(Edited.Bytes(document), Edited.Bytes(path), out ReadOnlySpan<byte> part) ? Encoding.UTF8.GetString(part) : null;
}
