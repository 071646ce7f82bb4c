namespace KestrelKv.Benchmarks.Loads;

/// <summary>Takes the times of all rounds.</summary>
internal interface IRoundLog
{
    /// <param name="due">When the round was due, which in a closed loop is when it was begun: a timestamp.</param>
    /// <param name="answered">When its last reply was there.</param>
    /// <param name="requests">How many requests it had.</param>
    void Add(long due, long answered, int requests);
}
