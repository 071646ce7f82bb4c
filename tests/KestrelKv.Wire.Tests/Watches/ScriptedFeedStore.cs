using System.Text;
using KestrelKv.Storage;
using KestrelKv.Testing;

namespace KestrelKv.Wire.Tests;

/// <summary>A store whose feed follows a script.</summary>
internal sealed class ScriptedFeedStore() : StoreDouble(new ManagedStore(TimeProvider.System))
{
    private Action? _wake;
    private int _reads;

    /// <summary>The results of reads, in order. The last one is repeated.</summary>
    public List<WatchStatus> Statuses { get; init; } = [WatchStatus.UpToDate];

    /// <summary>The index of the read that fails.</summary>
    public int? UnreadableAt { get; init; }

    /// <summary>The failure of that read.</summary>
    public Exception Failure { get; init; } = new IOException("the disk cannot be read");

    public int Changes { get; set; }

    public int KeyBytes { get; set; } = 10;

    public int Reads => Volatile.Read(ref _reads);

    /// <summary>Whether the last read ran on a thread-pool thread.</summary>
    public bool WasReadInThePool { get; private set; }

    public bool IsDisposed { get; private set; }

    public void Wake() => _wake!();

    public override ValueTask<int> ExecuteAsync(
        ReadOnlyMemory<Operation> operations, IResultSink results, CancellationToken cancellationToken = default) =>
        Inner.ExecuteAsync(operations, results, cancellationToken);

    public override IWatch Watch(WatchQuery query, Action wake)
    {
        _wake = wake;
        return new ScriptedWatch(this);
    }

    private sealed class ScriptedWatch(ScriptedFeedStore script) : IWatch
    {
        public long Position { get; private set; }

        public long OldestVersion => 77;

        public void Dispose() => script.IsDisposed = true;

        public ValueTask<WatchStatus> ReadAsync(IChangeSink changes, CancellationToken cancellationToken = default)
        {
            Assert.False(script.IsDisposed);
            script.WasReadInThePool = Thread.CurrentThread.IsThreadPoolThread;
            int read = Interlocked.Increment(ref script._reads) - 1;
            for (int i = 0; i < script.Changes; i++)
            {
                var change = new ChangeView { Kind = ChangeKind.Evict, Version = ++Position, Key = Encoding.UTF8.GetBytes(new string('k', script.KeyBytes)) };
                if (!changes.OnChange(change)) break;
            }
            if (read == script.UnreadableAt) throw script.Failure;
            return new(script.Statuses[Math.Min(read, script.Statuses.Count - 1)]);
        }
    }
}
