namespace KestrelKv.Storage.Embedded;

/// <summary>Counts entries in steps, and yields the thread between steps. A long count delays no other work and can be canceled.</summary>
internal sealed class EntryCount : IEntrySink
{
    /// <summary>The number of entries per step, which takes a few milliseconds.</summary>
    private const int StepEntries = 10_000;

    private int _limit;
    private byte[] _last = [];
    private int _count;

    private EntryCount()
    {
    }

    public static async ValueTask<long> OfAsync(IKeyValueStore store, ListQuery query, CancellationToken cancellationToken)
    {
        var step = new EntryCount();
        for (long count = 0; ;)
        {
            (step._count, step._limit) = (0, (int)Math.Min(StepEntries, query.Limit - count));
            bool more = await store.ListAsync(query with { Limit = step._limit }, step, cancellationToken);
            count += step._count;
            if (!more || count == query.Limit) return count;
            query = query with { After = step._last };
            await Task.Yield();
        }
    }

    /// <inheritdoc/>
    bool IEntrySink.OnEntry(in EntryView entry)
    {
        if (++_count == _limit) _last = entry.Key.ToArray();
        return true;
    }
}
