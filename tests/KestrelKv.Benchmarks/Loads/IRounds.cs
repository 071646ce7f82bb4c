namespace KestrelKv.Benchmarks.Loads;

/// <summary>What is asked for, and when: a round is as many requests as a connection has in flight, sent at once.</summary>
internal interface IRounds
{
    const long Never = long.MaxValue;

    /// <summary>When the next round is due, a timestamp: up to <paramref name="now"/> for at once, or <see cref="Never"/>.</summary>
    long NextDue(long now);

    /// <summary>Takes the next round.</summary>
    /// <param name="requests">Room for it.</param>
    /// <returns>How many requests it has; at least one.</returns>
    int Take(Span<LoadRequest> requests);
}
