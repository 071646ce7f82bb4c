namespace KestrelKv.Server.Tests.Histories;

/// <summary>
/// Looks for an order of a history's calls in which a server that executes one after the other gives the same replies: the
/// search of Wing and Gong (1993), which remembers where it was (Lowe, 2017).
/// </summary>
/// <remarks>
/// The order must keep that of calls of which one had returned before the other was invoked, and that of each connection. A
/// call without a reply may be left out. A batch is one call on several keys, so a history is not taken apart by keys.
/// </remarks>
internal sealed class LinearizabilityChecker
{
    /// <summary>Far more than any history takes whose calls do not all overlap.</summary>
    private const int StatesMax = 2_000_000;

    private readonly Call[] _calls;
    private readonly HashSet<(ulong Done, StoreState State)> _seen = [];

    private LinearizabilityChecker(IEnumerable<Call> calls)
    {
        _calls = [.. calls.Where(call => call.Reply is not null || call.Writes)];
        if (_calls.Length > 64) throw new ArgumentException($"A history of {_calls.Length} calls: 64 can be checked.", nameof(calls));
    }

    /// <summary>Whether there is such an order.</summary>
    /// <param name="keys">How many keys there are, none of which has an entry at first.</param>
    /// <param name="calls">The calls, those of each connection in their order.</param>
    public static bool IsLinearizable(int keys, IEnumerable<Call> calls) => new LinearizabilityChecker(calls).Search(0, new StoreState(keys));

    private bool Search(ulong done, StoreState state)
    {
        if (IsEnough(done)) return true;
        if (!_seen.Add((done, state))) return false;
        if (_seen.Count > StatesMax) throw new InvalidOperationException("The history has too many orders to be checked.");
        for (int i = 0; i < _calls.Length; i++)
            if (MayBeNext(i, done) && Model.TryApply(state, _calls[i]) is { } after && Search(done | (1UL << i), after)) return true;
        return false;
    }

    private bool IsEnough(ulong done)
    {
        for (int i = 0; i < _calls.Length; i++)
            if (!IsIn(done, i) && _calls[i].Reply is not null) return false;
        return true;
    }

    private bool MayBeNext(int next, ulong done)
    {
        if (IsIn(done, next)) return false;
        Call call = _calls[next];
        for (int i = 0; i < _calls.Length; i++)
        {
            Call other = _calls[i];
            bool isSameConnection = call.Connection is not null && call.Connection == other.Connection;
            bool comesLater = call.Returned < other.Invoked || (isSameConnection && next < i);
            bool comesEarlier = other.Returned < call.Invoked || (isSameConnection && i < next);
            if (IsIn(done, i) ? comesLater : comesEarlier && other.Reply is not null) return false;
        }
        return true;
    }

    private static bool IsIn(ulong done, int call) => (done & (1UL << call)) != 0;
}
