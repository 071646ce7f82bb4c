using System.Diagnostics;
using System.Globalization;

namespace KestrelKv.Testing.Histories;

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
    /// <param name="calls">The calls.</param>
    /// <param name="connection">The connection that executes them in order; null if there is no such order.</param>
    public void Begin(IReadOnlyList<Call> calls, int? connection)
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

    /// <summary>Records the reply to a call.</summary>
    /// <param name="call">The call.</param>
    /// <param name="reply">The body of the reply.</param>
    public void End(Call call, string reply) => End(call, Stopwatch.GetTimestamp(), CallText.Reply(call, reply), reply);

    /// <summary>Records the result of a call of a client library.</summary>
    public void End(Call call, CallReply reply)
    {
        string text = reply.RefusedAt is { } at
            ? string.Create(CultureInfo.InvariantCulture, $"refused at {at}, version {reply.CurrentVersion}")
            : string.Create(CultureInfo.InvariantCulture, $"version {reply.Version}: {string.Join(", ", reply.Steps)}");
        End(call, Stopwatch.GetTimestamp(), reply, text);
    }

    /// <summary>Removes a call that was not sent.</summary>
    public void Discard(Call call)
    {
        lock (_lock) _calls.Remove(call);
    }

    /// <summary>Returns the number of calls that overlap a call of another connection, or any call if they have no connection.</summary>
    public int CountOverlapping() => _calls.Count(call => _calls.Exists(
        other => other != call && (call.Connection is null || other.Connection != call.Connection)
            && other.Invoked < call.Returned && call.Invoked < other.Returned));

    private void End(Call call, long returned, CallReply reply, string text)
    {
        (call.Returned, call.Reply, call.ReplyText) = (returned, reply, text);
        Plan.Learn(call);
    }

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
