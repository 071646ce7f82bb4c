namespace KestrelKv.Testing.Histories;

/// <summary>
/// Searches for an order of a history's calls in which a server that executes them one at a time gives the same replies. The algorithm is
/// the search of Wing and Gong (1993) with memoization (Lowe, 2017).
/// </summary>
/// <remarks>
/// The order must respect calls that returned before others were invoked, and the order within each connection. A call without a reply
/// may be omitted. A batch is one call on several keys, so a history cannot be partitioned by key.
/// </remarks>
internal sealed class LinearizabilityChecker
{
    /// <summary>Far above the number of states of any history in which not all calls overlap.</summary>
    private const int StatesMax = 2_000_000;

    private readonly Call[] _calls;
    private readonly HashSet<(ulong Done, StoreState State)> _seen = [];

    private LinearizabilityChecker(IEnumerable<Call> calls)
    {
        _calls = [.. calls.Where(call => call.Reply is not null || call.Writes)];
        if (_calls.Length > 64) throw new ArgumentException($"The history has {_calls.Length} calls, expected at most 64.", nameof(calls));
    }

    /// <summary>Whether the history is linearizable.</summary>
    /// <param name="keys">The number of keys, none of which has an entry at first.</param>
    /// <param name="calls">The calls; those of one connection in their order.</param>
    public static bool IsLinearizable(int keys, IEnumerable<Call> calls) =>
        new LinearizabilityChecker(calls).Search(0, new StoreState(keys));

    private bool Search(ulong done, StoreState state)
    {
        if (IsComplete(done)) return true;
        if (!_seen.Add((done, state))) return false;
        if (_seen.Count > StatesMax) throw new InvalidOperationException("The history has too many orders to be checked.");
        for (int i = 0; i < _calls.Length; i++)
            if (MayBeNext(i, done) && Model.TryApply(state, _calls[i]) is { } after && Search(done | (1UL << i), after)) return true;
        return false;
    }

    private bool IsComplete(ulong done)
    {
        for (int i = 0; i < _calls.Length; i++)
            if (!Contains(done, i) && _calls[i].Reply is not null) return false;
        return true;
    }

    private bool MayBeNext(int next, ulong done)
    {
        if (Contains(done, next)) return false;
        Call call = _calls[next];
        for (int i = 0; i < _calls.Length; i++)
        {
            Call other = _calls[i];
            bool isSameConnection = call.Connection is not null && call.Connection == other.Connection;
            bool comesLater = call.Returned < other.Invoked || (isSameConnection && next < i);
            bool comesEarlier = other.Returned < call.Invoked || (isSameConnection && i < next);
            if (Contains(done, i) ? comesLater : comesEarlier && other.Reply is not null) return false;
        }
        return true;
    }

    private static bool Contains(ulong done, int call) => (done & (1UL << call)) != 0;
}
