namespace KestrelKv.Cli.KeyStats;

/// <summary>The keys that expire, by the time left.</summary>
internal sealed class ExpiryTotals
{
    private static readonly (string Name, double Seconds)[] Ranges =
        [("minute", 60), ("hour", 3_600), ("day", 86_400), ("week", 604_800), ("later", double.PositiveInfinity)];

    private readonly Tally[] _tallies = new Tally[Ranges.Length];

    /// <summary>The totals: those within a minute, those later within an hour, a day, a week, and the others.</summary>
    public IEnumerable<(string Name, Tally Tally)> All => Ranges.Select((range, i) => (range.Name, _tallies[i]));

    public void Add(double secondsLeft, long bytes)
    {
        int range = 0;
        while (secondsLeft > Ranges[range].Seconds) range++;
        _tallies[range].Add(bytes, isExpiring: true);
    }
}
