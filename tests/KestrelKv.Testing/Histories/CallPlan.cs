namespace KestrelKv.Testing.Histories;

/// <summary>Generates random calls for the connections of one history. Safe for concurrent use.</summary>
/// <param name="keys">The number of keys: so small that calls conflict.</param>
internal sealed class CallPlan(int keys)
{
    /// <summary>For each key, a recent version, which compare-and-sets expect.</summary>
    private readonly long[] _seen = new long[keys];
    private long _lastValue;

    public int Keys => keys;

    /// <summary>Returns a connection's calls. Each is generated when it is requested.</summary>
    public IEnumerable<Call> Calls(Random random, int count) => Enumerable.Range(0, count).Select(_ => Next(random));

    public Call Next(Random random) => random.Next(100) switch
    {
        < 28 => new(CallForm.Unbatched, Get(random)),
        < 38 => new(CallForm.MGet, [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Get(random) with { Meta = true })]),
        < 78 => new(CallForm.Unbatched, Write(random, new HashSet<int>())) { RequestId = RequestId(random) },
        _ => Batch(random),
    };

    /// <summary>Records the versions in a reply.</summary>
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

    /// <summary>
    /// Returns a write. The versions of keys <paramref name="written"/> by earlier steps of the batch are not known yet.
    /// </summary>
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
