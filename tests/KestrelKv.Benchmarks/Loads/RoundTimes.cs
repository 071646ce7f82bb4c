namespace KestrelKv.Benchmarks.Loads;

/// <summary>Stores the times of each round.</summary>
/// <param name="capacity">The number of rounds that fit without further allocation.</param>
internal sealed class RoundTimes(int capacity) : IRoundLog
{
    private readonly List<(long Due, long Answered)> _rounds = new(capacity);

    public IReadOnlyList<(long Due, long Answered)> Rounds => _rounds;

    public void Add(long due, long answered, int requests) => _rounds.Add((due, answered));
}
