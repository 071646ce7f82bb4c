using System.Diagnostics;
using static KestrelKv.Protocol.Tests.Parsing;

namespace KestrelKv.Protocol.Tests;

public sealed class LoneSurrogateNameTests
{
    /// <summary>Comparing each such name with each parameter once threw an exception, which took minutes for one frame.</summary>
    [Theory]
    [InlineData("{\"func\":\"GET\",\"params\":{", "}}", "unknown parameter")]
    [InlineData("{", "}", "unknown member")]
    public void Parse_ManyNamesWithLoneSurrogates_IsLinear(string before, string after, string expected)
    {
        string members = string.Join(',', Enumerable.Repeat("\"\\ud800\":1", 1_000_000));
        long start = Stopwatch.GetTimestamp();
        AssertRefused(Parse(before + members + after), ErrorCode.UnknownParameter, expected);
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }
}
