namespace KestrelKv.Server.Tests.Histories;

/// <summary>What the connections of one history call, at random. For use by all of them at once.</summary>
/// <param name="keys">How many keys there are: so few that the calls meet.</param>
internal sealed class CallPlan(int keys)
{
    /// <summary>Of each key, a version that it had lately: what compare-and-sets expect.</summary>
    private readonly long[] _seen = new long[keys];
    private long _lastValue;

    /// <summary>How many keys there are.</summary>
    public int Keys => keys;

    /// <summary>A connection's calls, each of which is made up only when its turn comes.</summary>
    public IEnumerable<Call> Calls(Random random, int count) => Enumerable.Range(0, count).Select(_ => Next(random));

    /// <summary>The next call.</summary>
    public Call Next(Random random) => random.Next(100) switch
    {
        < 28 => new(CallForm.Lone, Get(random)),
        < 38 => new(CallForm.MGet, [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Get(random) with { Meta = true })]),
        < 78 => new(CallForm.Lone, Write(random, new HashSet<int>())) { RequestId = RequestId(random) },
        _ => Batch(random),
    };

    /// <summary>Learns from a reply.</summary>
    public void Learn(Call call)
    {
        if (call.Reply is not { } reply) return;
        if (reply.RefusedAt is { } index) See(call.Steps[index], reply.CurrentVersion);
        for (int i = 0; i < reply.Steps.Count; i++)
            if (reply.Steps[i].Version is { } version) See(call.Steps[i], version);
    }

    private void See(Step step, long version) => Volatile.Write(ref _seen[step.Key], step.Kind == StepKind.Delete ? 0 : version);

    private Call Batch(Random random)
    {
        HashSet<int> written = [];
        Step[] steps = new Step[random.Next(2, 5)];
        for (int i = 0; i < steps.Length; i++) steps[i] = random.Next(4) == 0 ? Get(random) : Write(random, written);
        return new(CallForm.Batch, steps) { RequestId = RequestId(random) };
    }

    private static string? RequestId(Random random) => random.Next(2) == 0 ? Guid.NewGuid().ToString() : null;

    private Step Get(Random random) => new(StepKind.Get, random.Next(keys)) { Meta = random.Next(2) == 0 };

    /// <param name="random">That of the connection.</param>
    /// <param name="written">The keys that earlier steps of the batch write: nobody knows the versions that they get.</param>
    private Step Write(Random random, HashSet<int> written)
    {
        int key = random.Next(keys);
        bool isFirst = written.Add(key);
        Step step = random.Next(10) switch
        {
            < 6 => new(StepKind.Put, key, Interlocked.Increment(ref _lastValue) * 1_000) { Meta = random.Next(2) == 0, ReturnOld = random.Next(3) == 0 },
            < 8 => new(StepKind.Incr, key, random.Next(1, 100)),
            _ => new(StepKind.Delete, key) { ReturnOld = random.Next(2) == 0 },
        };
        return random.Next(8) switch
        {
            < 3 when isFirst => step with { IfVersion = Volatile.Read(ref _seen[key]) },
            3 => step with { IfExists = random.Next(2) == 0 },
            _ => step,
        };
    }
}
