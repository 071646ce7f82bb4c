using System.Diagnostics;
using System.Globalization;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>The calls of several connections on a few keys of their own, whose prefix is <paramref name="name"/>.</summary>
internal sealed class History(string name, int keys)
{
    private readonly Lock _lock = new();
    private readonly List<Call> _calls = [];
    private int _connections;

    public CallPlan Plan { get; } = new(keys);

    /// <summary>All calls. Read them only after all connections have ended.</summary>
    public IReadOnlyList<Call> Calls => _calls;

    /// <summary>Returns a number for a new connection.</summary>
    public int NextConnection() => Interlocked.Increment(ref _connections);

    /// <summary>Records calls that are about to be sent.</summary>
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

    public void End(Call call, string reply)
    {
        call.Returned = Stopwatch.GetTimestamp();
        call.ReplyText = reply;
        call.Reply = CallText.Reply(call, reply);
        Plan.Learn(call);
    }

    /// <summary>Returns the number of calls that overlap a call of another connection.</summary>
    public int CountOverlapping() =>
        _calls.Count(
            call =>
                _calls.Exists(
                    other => other.Connection != call.Connection && other.Invoked < call.Returned && call.Invoked < other.Returned));

    /// <summary>Fails if the history is not linearizable: no order of the calls, one at a time, gives these replies.</summary>
    public void Check()
    {
        if (LinearizabilityChecker.IsLinearizable(keys, _calls)) return;
        IEnumerable<string> lines = _calls.OrderBy(call => call.Invoked).Select(call => call.ToString());
        Assert.Fail(
            string.Create(
                CultureInfo.InvariantCulture,
                $"The history {name} of {_calls.Count} calls is not linearizable:\n{string.Join('\n', lines)}"));
    }
}
