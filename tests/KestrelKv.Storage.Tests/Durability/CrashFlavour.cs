namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// The effect of one crash on all unsynced data. Each flavour produces patterns that independent choices for each sector would hardly
/// produce, such as a loss of all of a thousand sectors.
/// </summary>
internal sealed class CrashFlavour
{
    private readonly Random _random;
    private readonly double _keeps;
    private readonly double _garbles;
    private readonly long _endsAt;

    private CrashFlavour(Random random, double keeps, double garbles = 0, long endsAt = long.MaxValue) =>
        (_random, _keeps, _garbles, _endsAt) = (random, keeps, garbles, endsAt);

    /// <summary>Returns a random flavour.</summary>
    public static CrashFlavour Any(Random random, IReadOnlyList<long> unsynced) => random.Next(8) switch
    {
        0 => new(random, keeps: 1),
        1 => new(random, keeps: 0),
        2 => new(random, keeps: 0.9),
        3 => new(random, keeps: 0.1),
        4 => new(random, keeps: 0.5, garbles: 0.1),
        5 => new(random, keeps: 0.7, garbles: 0.7),
        // A disk that writes in order, except for the write in progress.
        _ when unsynced.Count > 0 => new(random, keeps: 1, endsAt: unsynced[random.Next(unsynced.Count)]),
        _ => new(random, keeps: 0.5),
    };

    /// <summary>
    /// Returns which unsynced state of a sector or length is on disk, given the changes that made them, oldest first; -1 for the
    /// durable state.
    /// </summary>
    public int StateOf(IReadOnlyList<long> changes)
    {
        int count = changes.Count;
        while (count > 0 && !IsInTime(changes[count - 1])) count--;
        if (_random.NextDouble() < _keeps) return count - 1;
        // Sometimes an intermediate state.
        return _keeps > 0 && _random.Next(3) == 0 ? _random.Next(-1, count) : -1;
    }

    /// <summary>Returns whether a change of a directory entry is on disk.</summary>
    public bool Keeps(long change) => IsInTime(change) && _random.NextDouble() < _keeps;

    /// <summary>Returns whether a sector that was being written has neither its old nor its new contents.</summary>
    public bool Garbles() => _random.NextDouble() < _garbles;

    private bool IsInTime(long change) => change < _endsAt || (change == _endsAt && _random.Next(2) == 0);
}
