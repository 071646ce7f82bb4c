namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// What one crash does to all that was not synced. Each flavour has rare patterns of its own: were each sector's fate
/// drawn alone, no crash would ever keep, or lose, all of a thousand sectors.
/// </summary>
internal sealed class CrashFlavour
{
    private readonly Random _random;
    private readonly double _keeps;
    private readonly double _garbles;
    private readonly long _endsAt;

    private CrashFlavour(Random random, double keeps, double garbles = 0, long endsAt = long.MaxValue) =>
        (_random, _keeps, _garbles, _endsAt) = (random, keeps, garbles, endsAt);

    /// <summary>A flavour, any.</summary>
    /// <param name="random">Decides.</param>
    /// <param name="unsynced">The numbers of all changes that were not synced.</param>
    public static CrashFlavour Any(Random random, IReadOnlyList<long> unsynced) => random.Next(8) switch
    {
        0 => new(random, keeps: 1),
        1 => new(random, keeps: 0),
        2 => new(random, keeps: 0.9),
        3 => new(random, keeps: 0.1),
        4 => new(random, keeps: 0.5, garbles: 0.1),
        5 => new(random, keeps: 0.7, garbles: 0.7),
        // A disk that writes in the order it was told to, but for the write that it was at.
        _ when unsynced.Count > 0 => new(random, keeps: 1, endsAt: unsynced[random.Next(unsynced.Count)]),
        _ => new(random, keeps: 0.5),
    };

    /// <summary>Which of the unsynced states of one thing (a sector, a length) is on disk.</summary>
    /// <param name="changes">The number of the change that made each, oldest first.</param>
    /// <returns>An index; -1 for the durable state.</returns>
    public int StateOf(IReadOnlyList<long> changes)
    {
        int count = changes.Count;
        while (count > 0 && !IsInTime(changes[count - 1])) count--;
        if (_random.NextDouble() < _keeps) return count - 1;
        // Now and then one in between.
        return _keeps > 0 && _random.Next(3) == 0 ? _random.Next(-1, count) : -1;
    }

    /// <summary>Whether a change of a name is on disk.</summary>
    public bool Keeps(long change) => IsInTime(change) && _random.NextDouble() < _keeps;

    /// <summary>Whether a sector that was being written has neither its old nor its new content.</summary>
    public bool Garbles() => _random.NextDouble() < _garbles;

    private bool IsInTime(long change) => change < _endsAt || (change == _endsAt && _random.Next(2) == 0);
}
