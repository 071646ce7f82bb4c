using System.Diagnostics;
using static KestrelKv.Protocol.Tests.Parsing;

namespace KestrelKv.Protocol.Tests;

public sealed class StrangeNameTests
{
    /// <summary>Each name was an exception for each parameter that it was compared with: minutes for one frame.</summary>
    [Theory]
    [InlineData("{\"func\":\"GET\",\"params\":{", "}}", "does not know the parameter")]
    [InlineData("{", "}", "unknown member")]
    public void Parse_ManyNamesWithHalvesOfSurrogatePairs_IsLinear(string before, string after, string essence)
    {
        string members = string.Join(',', Enumerable.Repeat("\"\\ud800\":1", 1_000_000));
        long start = Stopwatch.GetTimestamp();
        AssertRefused(Parse(before + members + after), ErrorCode.UnknownParameter, essence);
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }
}
