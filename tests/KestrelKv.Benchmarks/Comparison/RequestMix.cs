namespace KestrelKv.Benchmarks.Comparison;

/// <summary>The percentage of PUTs in a load; the other requests are GETs.</summary>
internal sealed record RequestMix(string Name, int PutPercent)
{
    public static readonly RequestMix Get = new("GET", 0);
    public static readonly RequestMix Put = new("PUT", 100);
    public static readonly RequestMix Mixed = new("GET, 10 % PUT", 10);
}
