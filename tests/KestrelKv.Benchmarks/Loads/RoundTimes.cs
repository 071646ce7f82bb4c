namespace KestrelKv.Benchmarks.Loads;

/// <summary>Keeps the times of each round.</summary>
/// <param name="capacity">So many rounds take no more memory.</param>
internal sealed class RoundTimes(int capacity) : IRoundLog
{
    private readonly List<(long Due, long Answered)> _rounds = new(capacity);

    public IReadOnlyList<(long Due, long Answered)> Rounds => _rounds;

    public void Add(long due, long answered, int requests) => _rounds.Add((due, answered));
}
