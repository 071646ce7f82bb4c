namespace KestrelKv.Benchmarks.Loads;

/// <summary>The requests to send, and when. A round is as many requests as a connection has in flight, sent at once.</summary>
internal interface IRounds
{
    const long Never = long.MaxValue;

    /// <summary>
    /// Returns the timestamp at which the next round is due: at most <paramref name="now"/> if at once, <see cref="Never"/> if there is
    /// none.
    /// </summary>
    long NextDue(long now);

    /// <summary>Fills the buffer with the requests of the next round, and returns their number, at least 1.</summary>
    int Take(Span<LoadRequest> requests);
}
