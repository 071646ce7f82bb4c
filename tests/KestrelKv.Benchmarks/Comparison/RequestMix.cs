namespace KestrelKv.Benchmarks.Comparison;

/// <summary>What requests there are.</summary>
/// <param name="Name">For a table.</param>
/// <param name="PutPercent">How many of a hundred are PUTs; the others are GETs.</param>
internal sealed record RequestMix(string Name, int PutPercent)
{
    public static readonly RequestMix Get = new("GET", 0);
    public static readonly RequestMix Put = new("PUT", 100);
    public static readonly RequestMix Mixed = new("GET, 10 % PUT", 10);
}
