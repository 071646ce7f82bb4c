using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>A store at its memory limit. Each file has one topic.</summary>
public sealed partial class MemoryLimitTests : IDisposable
{
    private const long Limit = 4 * 1024 * 1024;

    /// <summary>
    /// The maximum excess of one writer: its entry, and the growth of one index stripe, the ordered keys and the expiries.
    /// </summary>
    private const long Slack = 128 * 1024;

    private readonly TestTime _time = new();
    private EmbeddedStore _store = null!;

    private StoreStats Stats => _store.GetStats();

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    public void Dispose() => _store?.Dispose();

    private static string Name(int i) => $"key {i:D8}";

    private static byte[] Key(string name) => Encoding.ASCII.GetBytes(name);

    private static Operation Get(string name) => Operation.Get(Key(name));

    private static Operation Put(string name, int valueBytes, long expiresAt = Operation.Never) =>
        Operation.Put(Key(name), Encoding.ASCII.GetBytes(new string('v', valueBytes)), expiresAt);

    private static Operation Delete(string name) => Operation.Delete(Key(name));

    private static Operation Expire(string name, long expiresAt) => Operation.Expire(Key(name), expiresAt);

    private void Open(EvictionPolicy policy, TimeProvider? time = null) =>
        _store = new EmbeddedStore(time ?? _time, new EmbeddedStoreOptions { MemoryBytesMax = Limit, Eviction = policy });

    /// <summary>Puts keys until one is refused or another is evicted, and returns their number.</summary>
    private int Fill(int maxKeys = int.MaxValue)
    {
        long evictions = Stats.Evictions;
        for (int i = 0; i < maxKeys; i++)
        {
            if (StatusOf(Put(Name(i), 100)) == ResultStatus.MemoryFull) return i;
            if (Stats.Evictions > evictions) return i + 1;
        }
        return maxKeys;
    }

    private Recorded Execute(Operation operation)
    {
        var sink = new RecordingSink();
        _store.ExecuteAsync(new[] { operation }, sink).Completed();
        return Assert.Single(sink.Results);
    }

    private ResultStatus StatusOf(Operation operation) => Execute(operation).Status;

    private List<Recorded> Commit(params Operation[] batch)
    {
        var sink = new RecordingSink();
        Assert.True(_store.CommitAsync(batch, sink).Completed());
        return sink.Results;
    }

    /// <summary>Commits a batch that must be refused, and returns its only result.</summary>
    private Recorded Refused(params Operation[] batch)
    {
        var sink = new RecordingSink();
        Assert.False(_store.CommitAsync(batch, sink).Completed());
        return Assert.Single(sink.Results);
    }

    private void AssertFull(Operation operation) => Assert.Equal(new(0, ResultStatus.MemoryFull), Execute(operation));

    /// <summary>A clock without timers, so that nothing is removed in the background.</summary>
    private sealed class NoTimers(TimeProvider time) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

        public override long GetTimestamp() => time.GetTimestamp();

        public override long TimestampFrequency => time.TimestampFrequency;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new TestTime().CreateTimer(callback, state, dueTime, period);
    }
}
