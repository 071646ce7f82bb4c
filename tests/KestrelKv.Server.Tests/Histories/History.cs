using System.Diagnostics;
using System.Globalization;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>The calls of several connections on a few keys of their own, as they go on.</summary>
/// <param name="name">Before the number of each key.</param>
/// <param name="keys">How many keys there are.</param>
internal sealed class History(string name, int keys)
{
    private readonly Lock _lock = new();
    private readonly List<Call> _calls = [];
    private int _connections;

    /// <summary>What to call.</summary>
    public CallPlan Plan { get; } = new(keys);

    /// <summary>All calls; not while it goes on.</summary>
    public IReadOnlyList<Call> Calls => _calls;

    /// <summary>A number for a new connection.</summary>
    public int NextConnection() => Interlocked.Increment(ref _connections);

    /// <summary>Remembers calls that are sent in a moment.</summary>
    public void Begin(IReadOnlyList<Call> calls, int connection)
    {
        lock (_lock)
        {
            foreach (Call call in calls)
            {
                call.RequestText = CallText.Request(call, name);
                call.Connection = connection;
                _calls.Add(call);
                call.Invoked = Stopwatch.GetTimestamp();
            }
        }
    }

    /// <summary>Remembers a reply that has come.</summary>
    public void End(Call call, string reply)
    {
        call.Returned = Stopwatch.GetTimestamp();
        call.ReplyText = reply;
        call.Reply = CallText.Reply(call, reply);
        Plan.Learn(call);
    }

    /// <summary>How many calls overlap with one of another connection.</summary>
    public int CountOverlapping() =>
        _calls.Count(call => _calls.Exists(other => other.Connection != call.Connection && other.Invoked < call.Returned && call.Invoked < other.Returned));

    /// <summary>Fails where no server that executes one call after the other gives these replies.</summary>
    public void Check()
    {
        if (LinearizabilityChecker.IsLinearizable(keys, _calls)) return;
        IEnumerable<string> lines = _calls.OrderBy(call => call.Invoked).Select(call => call.ToString());
        Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"The history {name} of {_calls.Count} calls is not linearizable:\n{string.Join('\n', lines)}"));
    }
}
