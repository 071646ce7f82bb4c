using System.Diagnostics;
using System.Text;

namespace KestrelKv.Json.Tests;

/// <summary>
/// Edits that would take minutes if the costs of document and request multiplied. The time limit is far below such a product, and far
/// above the delays of a busy machine.
/// </summary>
public sealed class LinearTimeTests
{
    private const int Many = 500_000;
    private const int Wide = 100_000;
    private const int Long = 8_000_000;

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    private static readonly DocumentLimits Limits = new(1 << 28, 1_000);

    private static string Members(string member, int count = Many) => "{" + string.Join(',', Enumerable.Repeat(member, count)) + "}";

    private static string Repeated(string text, int count) => new StringBuilder(text.Length * count).Insert(0, text, count).ToString();

    [Theory]
    [InlineData("\"a\":1", "/", "x")]
    [InlineData("\"a\":1", "/", "~0")]
    [InlineData("\"\\u0061\":1", "/", "x")]
    [InlineData("\"a\":{}", "/a/", "x")]
    [InlineData("\"a\":[]", "/a/", "7")]
    [InlineData("\"a\":[{}]", "/a/0/", "x")]
    public void TryFind_LongTokenAndManyMembers_IsLinear(string member, string path, string token) => Measure(() =>
        Assert.False(JsonPointer.TryFind(Edited.Bytes(Members(member)), Edited.Bytes(path + Repeated(token, Long)), out _)));

    [Theory]
    [InlineData("\"a\":1", "/x")]
    [InlineData("\"a\":{}", "/a/x")]
    public void Edit_LongTokenAndManyMembers_IsLinear(string member, string path) => Measure(() =>
    {
        string document = Members(member), pointer = path + Repeated("x", Long);
        Assert.Equal(EditStatus.Done, Edited.Put(document, pointer, "1", Limits).Status);
        Assert.Equal(EditStatus.Done, Edited.Increment(document, pointer + "/" + pointer, "1", Limits).Status);
        string patch = $$"""[{"op":"add","path":"{{pointer}}","value":1},{"op":"remove","path":"{{pointer}}"}]""";
        Assert.Equal(EditStatus.Done, Edited.Patch(document, patch, Limits).Status);
    });

    [Fact]
    public void Patch_LongNamesOfMembersAndOperations_IsLinear() => Measure(() =>
    {
        string name = Repeated("\\u0061", Long / 6);
        string patch = $$"""[{"op":"test","path":"","value":{},"{{name}}":1}]""";
        Assert.Null(JsonPatch.Check(Edited.Bytes(patch)));
        Assert.NotNull(JsonPatch.Check(Edited.Bytes($$"""[{"op":"{{name}}","path":""}]""")));
    });

    [Fact]
    public void Equality_WideObjects_IsLinear() => Measure(() =>
    {
        string Numbered(int first) =>
            "{" + string.Join(',', Enumerable.Range(0, Wide).Select(i => $"\"\\u006d{(first + i) % Wide}\":{i}")) + "}";
        string test = $$"""[{"op":"test","path":"","value":{{Numbered(7)}}}]""";
        Assert.Equal(EditStatus.TestFailed, Edited.Patch(Numbered(0), test, Limits).Status);
    });

    [Theory]
    [InlineData("1e{0}", "1e{1}")]
    [InlineData("1{0}e-{1}", "1{1}e-{0}")]
    [InlineData("0.{0}", "0.{1}")]
    public void Equality_LongNumbers_IsLinear(string left, string right) => Measure(() =>
    {
        string nines = Repeated("9", Long), zeros = Repeated("0", Long);
        string a = left.Replace("{0}", nines, StringComparison.Ordinal).Replace("{1}", zeros + "1", StringComparison.Ordinal);
        string b = right.Replace("{0}", nines, StringComparison.Ordinal).Replace("{1}", zeros + "1", StringComparison.Ordinal);
        Assert.Equal(EditStatus.TestFailed, Edited.Patch(a, $$"""[{"op":"test","path":"","value":{{b}}}]""", Limits).Status);
        Assert.NotEqual(EditStatus.PathNotFound, Edited.Increment(a, "", b, Limits).Status);
    });

    [Fact]
    public void Merge_FewLongEscapedNamesAndManyMembers_IsLinear() => Measure(() =>
    {
        string Name(int last) => $"\"{Repeated("\\u0061", Long / 60)}{last}\"";
        string patch = "{" + string.Join(',', Enumerable.Range(0, 8).Select(i => $"{Name(i)}:1")) + "}";
        string document = "{" + string.Join(',', Enumerable.Range(0, 60).Select(i => $"{Name(9)}:{i}")) + "}";
        Assert.Equal(EditStatus.Done, Edited.Merge(document, patch, Limits).Status);
    });

    private static void Measure(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, Bound);
    }
}
