using System.Globalization;
using KestrelKv.Testing.Histories;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>
/// A server in memory with one fault, which generates random histories: the invocation, execution and return of calls are interleaved at
/// random. It shares no code with the model that checks it.
/// </summary>
internal sealed class FaultyServer(Fault fault, Random random)
{
    private const int Connections = 4;
    private const int CallsEach = 6;

    private readonly Dictionary<int, (long Value, long Version)> _entries = [];
    private Dictionary<int, (long Value, long Version)> _before = [];
    private long _version;

    /// <summary>Returns a history of a server on a few keys.</summary>
    public static List<Call> Record(Fault fault, int keys, Random random)
    {
        var server = new FaultyServer(fault, random);
        var plan = new CallPlan(keys);
        List<Call> calls = [];
        List<IEnumerator<bool>> connections =
            [.. Enumerable.Range(0, Connections).Select(connection => server.Run(connection, plan, calls))];
        while (connections.Count > 0)
        {
            IEnumerator<bool> next = connections[random.Next(connections.Count)];
            if (!next.MoveNext()) connections.Remove(next);
        }
        return calls;
    }

    /// <summary>Runs one connection. Other connections may run between any two of its steps.</summary>
    private IEnumerator<bool> Run(int connection, CallPlan plan, List<Call> calls)
    {
        long time() => calls.Sum(call => call.Returned < long.MaxValue ? 2 : 1);
        for (int i = 0; i < CallsEach; i++)
        {
            Call call = plan.Next(random);
            (call.Connection, call.Invoked) = (connection, time());
            call.RequestText = CallText.Request(call, "k");
            calls.Add(call);
            yield return true;
            bool isEarly = fault == Fault.EarlyReply && call.Writes && call.Form == CallForm.Unbatched;
            (Dictionary<int, (long Value, long Version)> entries, long version) = (new(_entries), _version);
            List<StepReply> replies = [];
            call.Reply = Refusal(call);
            for (int step = 0; step < call.Steps.Count && call.Reply is null; step++)
            {
                replies.Add(Execute(call.Steps[step]));
                if (fault == Fault.TornBatch && step == 0) yield return true;
            }
            call.Reply ??= Reply(call, replies);
            (Dictionary<int, (long Value, long Version)> after, long commit) = (new(_entries), _version);
            if (isEarly) Restore(entries, version);
            else yield return true;
            call.ReplyText = call.Reply.RefusedAt is { } at
                ? string.Create(CultureInfo.InvariantCulture, $"refused at {at}: {call.Reply.CurrentVersion}")
                : string.Join(", ", replies);
            call.Returned = time();
            plan.Learn(call);
            if (!isEarly) continue;
            yield return true;
            yield return true;
            Restore(after, commit);
        }
    }

    private void Restore(Dictionary<int, (long Value, long Version)> entries, long version)
    {
        _entries.Clear();
        foreach (var (key, entry) in entries) _entries.Add(key, entry);
        _version = version;
    }

    private CallReply Reply(Call call, List<StepReply> replies)
    {
        bool changes = call.Steps.Zip(replies).Any(
            pair => pair.First.Kind is StepKind.Put or StepKind.Incr || (pair.First.Kind == StepKind.Delete && pair.Second.Found == true));
        if (changes && !(fault == Fault.VersionGivenTwice && random.Next(4) == 0)) _version++;
        return new(changes ? _version : 0, replies);
    }

    private CallReply? Refusal(Call call)
    {
        (Dictionary<int, (long Value, long Version)> entries, long version) = (new(_entries), _version);
        CallReply? refusal = null;
        for (int i = 0; i < call.Steps.Count && refusal is null; i++)
        {
            Step step = call.Steps[i];
            long current = _entries.TryGetValue(step.Key, out var entry) ? entry.Version : 0;
            bool holds = (step.IfVersion is not { } expected || expected == current || (fault == Fault.IgnoredPrecondition && current > 0))
                && (step.IfExists is not { } exists || exists == current > 0);
            if (!holds)
                refusal = new(0, []) { RefusedAt = i, CurrentVersion = entries.TryGetValue(step.Key, out var stored) ? stored.Version : 0 };
            else Apply(step);
        }
        if (refusal is null || fault != Fault.HalfBatch) Restore(entries, version);
        return refusal;
    }

    private StepReply Execute(Step step)
    {
        bool isStale = fault == Fault.StaleRead && step.Kind == StepKind.Get && random.Next(4) == 0;
        bool found = (isStale ? _before : _entries).TryGetValue(step.Key, out var entry);
        if (step.Kind == StepKind.Get) return new(found, found ? entry.Value : null, found ? entry.Version : 0);
        Dictionary<int, (long Value, long Version)> before = new(_entries);
        if (fault != Fault.LostUpdate || random.Next(8) > 0) Apply(step);
        if (fault == Fault.DoneTwice && step.Kind == StepKind.Incr && random.Next(2) == 0) Apply(step);
        _before = before;
        long? value = step.Kind == StepKind.Incr ? entry.Value + step.Argument : found ? entry.Value : null;
        return new(found, value, step.Kind == StepKind.Delete && !found ? 0 : _version + 1);
    }

    private void Apply(Step step)
    {
        (long value, _) = _entries.GetValueOrDefault(step.Key);
        if (step.Kind == StepKind.Delete) _entries.Remove(step.Key);
        else if (step.Kind != StepKind.Get)
            _entries[step.Key] = (step.Kind == StepKind.Incr ? value + step.Argument : step.Argument, _version + 1);
    }
}
