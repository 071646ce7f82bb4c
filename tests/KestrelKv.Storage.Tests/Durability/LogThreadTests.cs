using System.Collections.Concurrent;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The thread that writes the log: nobody waits for it in vain.</summary>
public sealed class LogThreadTests : IDisposable
{
    private static readonly Operation[] Put = [Operation.Put("key"u8.ToArray(), "1"u8.ToArray())];

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>After a time without writes, when the thread sleeps until there are others.</summary>
    [Fact]
    public async Task ExecuteAsync_OnADiskThatIsFullForAMoment_EndsWithoutAnyOtherWrite()
    {
        var disk = new DiskFullForAMoment(new FileDisk(_directory.Path));
        await using DurableStore store = Open(disk);
        await store.ExecuteAsync(Put, new CountingSink());
        await Wait.UntilAsync(() => disk.Writes.Contains(Frame.HeaderBytes), () => "no mark is written");

        disk.IsFull = true;
        Task<int> written = store.ExecuteAsync(Put, new CountingSink()).AsTask();
        await Wait.UntilAsync(() => store.GetDurabilityStats().Disk == DiskState.Full, () => "the disk is not full");
        Assert.False(written.IsCompleted);

        // Nobody else has to wait for space.
        var refused = new RecordingSink();
        await store.ExecuteAsync(Put, refused).AsTask().WaitAsync(Wait.Patience);
        Assert.Equal(ResultStatus.DiskFull, Assert.Single(refused.Results).Status);
        disk.IsFull = false;
        await written.WaitAsync(Wait.Patience);
        Assert.Equal((2, DiskState.Ok), (store.GetDurabilityStats().DurableVersion, store.GetDurabilityStats().Disk));
    }

    private static DurableStore Open(IDisk disk) => new(
        disk, new DataOptions { SegmentBytes = DataOptions.SegmentBytesMin, SnapshotInterval = TimeSpan.Zero },
        new EmbeddedStoreOptions(), TimeProvider.System, NullLogger.Instance, onSync: null, threads: true, CancellationToken.None);

    private sealed class DiskFullForAMoment(IDisk disk) : DiskWrapper(disk)
    {
        private volatile bool _isFull;

        public bool IsFull
        {
            set => _isFull = value;
        }

        /// <summary>How many bytes each write had.</summary>
        public ConcurrentQueue<int> Writes { get; } = new();

        protected override IDiskFile Wrap(string name, IDiskFile file) => new FileOfIt(this, file);

        private sealed class FileOfIt(DiskFullForAMoment disk, IDiskFile file) : FileWrapper(file)
        {
            public override void Write(ReadOnlySpan<byte> bytes, long offset)
            {
                if (disk._isFull) throw new DiskFullException("no space");
                base.Write(bytes, offset);
                disk.Writes.Enqueue(bytes.Length);
            }
        }
    }
}
