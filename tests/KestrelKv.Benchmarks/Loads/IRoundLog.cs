namespace KestrelKv.Benchmarks.Loads;

/// <summary>Records the times of all rounds.</summary>
internal interface IRoundLog
{
    /// <param name="due">The timestamp at which the round was due; in a closed loop, at which it began.</param>
    /// <param name="answered">The timestamp of its last reply.</param>
    /// <param name="requests">The number of its requests.</param>
    void Add(long due, long answered, int requests);
}
