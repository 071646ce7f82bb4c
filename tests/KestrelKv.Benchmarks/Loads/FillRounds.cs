namespace KestrelKv.Benchmarks.Loads;

/// <summary>Puts each key once, so that GETs find values.</summary>
internal sealed class FillRounds(LoadOptions options, LoadRandom random) : IRounds
{
    private int _next;

    public long NextDue(long now) => _next < options.Keys ? now : IRounds.Never;

    public int Take(Span<LoadRequest> requests)
    {
        int count = Math.Min(requests.Length, options.Keys - _next);
        for (int i = 0; i < count; i++) requests[i] = new LoadRequest(_next++, IsPut: true, random.Next(LoadScratch.DigitStarts));
        return count;
    }
}
