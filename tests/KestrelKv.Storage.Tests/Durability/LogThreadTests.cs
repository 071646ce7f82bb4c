using System.Collections.Concurrent;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The thread that writes the log: every call that waits for it ends.</summary>
public sealed class LogThreadTests : IDisposable
{
    private static readonly Operation[] Put = [Operation.Put("key"u8.ToArray(), "1"u8.ToArray())];
    private static readonly Operation[] PutOther = [Operation.Put("other"u8.ToArray(), "1"u8.ToArray())];
    private static readonly Operation[] GetOther = [Operation.Get("other"u8.ToArray())];

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>After a time without writes, while the thread sleeps.</summary>
    [Fact]
    public async Task ExecuteAsync_DiskBrieflyFull_CompletesWithoutAnotherWrite()
    {
        var disk = new BrieflyFullDisk(new FileDisk(_directory.Path));
        await using DataDirectory store = Open(disk);
        await store.Store.ExecuteAsync(Put, new CountingSink());
        await Wait.UntilAsync(() => disk.Writes.Contains(LogRecord.HeaderBytes), () => "no mark is written");

        disk.IsFull = true;
        Task<int> written = store.Store.ExecuteAsync(Put, new CountingSink()).AsTask();
        await Wait.UntilAsync(() => store.GetStats().Disk == DiskState.Full, () => "the disk is not full");
        Assert.False(written.IsCompleted);

        // Other calls do not wait for space.
        var refused = new RecordingSink();
        await store.Store.ExecuteAsync(Put, refused).AsTask().WaitAsync(Wait.Patience);
        Assert.Equal(ResultStatus.DiskFull, Assert.Single(refused.Results).Status);
        disk.IsFull = false;
        await written.WaitAsync(Wait.Patience);
        Assert.Equal(2, store.GetStats().DurableVersion);
        await Wait.UntilAsync(() => store.GetStats().Disk == DiskState.Ok, () => "the disk is still full");
    }

    [Fact]
    public async Task ExecuteAsync_DiskStaysFull_FailsInBoundedTimeAndOtherReadsContinue()
    {
        var disk = new BrieflyFullDisk(new FileDisk(_directory.Path));
        await using DataDirectory store = Open(disk);
        await store.Store.ExecuteAsync(Put, new CountingSink());
        disk.IsFull = true;
        Task<int> written = store.Store.ExecuteAsync(PutOther, new CountingSink()).AsTask();
        await Wait.UntilAsync(() => store.GetStats().Disk == DiskState.Full, () => "the disk is not full");
        Task<int> read = store.Store.ExecuteAsync(GetOther, new CountingSink()).AsTask();

        // A part of the write may be on disk. Neither the write nor a read of it succeeds, even if space is available again.
        await Assert.ThrowsAsync<DurabilityLostException>(() => written.WaitAsync(LogThread.StallTimeMax + Wait.Patience));
        await Assert.ThrowsAsync<DurabilityLostException>(() => read.WaitAsync(Wait.Patience));
        disk.IsFull = false;
        Assert.Equal(ResultStatus.DiskFailed, await ExecuteAsync(store, PutOther));
        Assert.Equal(ResultStatus.DiskFailed, await ExecuteAsync(store, GetOther));
        Assert.Equal(ResultStatus.Done, await ExecuteAsync(store, [Operation.Get("key"u8.ToArray())]));
        Assert.Contains("no space for 10 seconds", store.GetStats().DiskError, StringComparison.Ordinal);
    }

    /// <summary>The space of the prepared segment is enough for the commits in progress.</summary>
    [Fact]
    public async Task ExecuteAsync_CopyOnWriteDiskFull_UsesSpaceOfPreparedSegment()
    {
        var disk = new CopyOnWriteDisk(new FileDisk(_directory.Path));
        await using DataDirectory store = Open(disk);
        await store.Store.ExecuteAsync(Put, new CountingSink());
        await Wait.UntilAsync(() => disk.Prepared == DataOptions.SegmentBytesMin, () => "no segment is prepared");

        disk.IsFull = true;
        Assert.Equal(ResultStatus.Done, await ExecuteAsync(store, PutOther));
        Assert.Equal(FileHeader.Bytes, disk.Prepared);
        Assert.Equal(ResultStatus.DiskFull, await ExecuteAsync(store, Put));
        Assert.Equal(DiskState.Full, store.GetStats().Disk);
        Assert.Equal(ResultStatus.Done, await ExecuteAsync(store, GetOther));

        disk.IsFull = false;
        await Wait.UntilAsync(() => store.GetStats().Disk == DiskState.Ok, () => "the disk is still full");
        Assert.Equal(ResultStatus.Done, await ExecuteAsync(store, Put));
        Assert.Equal(DataOptions.SegmentBytesMin, disk.Prepared);
    }

    [Fact]
    public async Task LogThread_OutOfMemory_FailsOnlyTheStore()
    {
        var disk = new ThrowingDisk(new FileDisk(_directory.Path));
        await using DataDirectory store = Open(disk);
        await store.Store.ExecuteAsync(Put, new CountingSink());
        await Wait.UntilAsync(() => disk.List().Contains(FileNames.OfSegment(2)), () => "no segment is prepared");
        disk.IsThrowing = true;
        await Assert.ThrowsAsync<DurabilityLostException>(
            () => store.Store.ExecuteAsync(PutOther, new CountingSink()).AsTask().WaitAsync(Wait.Patience));
        Assert.Equal(ResultStatus.DiskFailed, await ExecuteAsync(store, PutOther));
        Assert.Equal(ResultStatus.Done, await ExecuteAsync(store, [Operation.Get("key"u8.ToArray())]));
    }

    [Fact]
    public async Task PreparingThread_OutOfMemory_FailsOnlyTheStore()
    {
        var disk = new ThrowingDisk(new FileDisk(_directory.Path));
        await using (DataDirectory first = Open(disk)) await first.Store.ExecuteAsync(Put, new CountingSink());
        (disk.Only, disk.IsThrowing) = (FileNames.OfSegment(2), true);
        await using DataDirectory store = Open(disk, segmentBytes: 2 * DataOptions.SegmentBytesMin);
        await Wait.UntilAsync(() => store.GetStats().Disk == DiskState.Failed, () => "the store has not failed");
        Assert.Equal(ResultStatus.DiskFailed, await ExecuteAsync(store, PutOther));
        Assert.Equal(ResultStatus.Done, await ExecuteAsync(store, [Operation.Get("key"u8.ToArray())]));
    }

    private static async Task<ResultStatus> ExecuteAsync(DataDirectory store, Operation[] operations)
    {
        var sink = new RecordingSink();
        await store.Store.ExecuteAsync(operations, sink).AsTask().WaitAsync(Wait.Patience);
        return Assert.Single(sink.Results).Status;
    }

    private static DataDirectory Open(IDisk disk, long segmentBytes = DataOptions.SegmentBytesMin) => new(
        disk, new DataOptions { SegmentBytes = segmentBytes, SnapshotInterval = TimeSpan.Zero },
        new EmbeddedStoreOptions(), TimeProvider.System, NullLogger.Instance, onSync: null, CancellationToken.None);

    /// <summary>While it is full, every write needs new space, and only truncated files provide it.</summary>
    private sealed class CopyOnWriteDisk(IDisk disk) : DiskWrapper(disk)
    {
        private long _freeBytes;
        private volatile bool _isFull;

        public bool IsFull
        {
            set => _isFull = value;
        }

        public long Prepared
        {
            get
            {
                if (!List().Contains(FileNames.OfSegment(2))) return 0;
                using IDiskFile file = Open(FileNames.OfSegment(2));
                return file.Length;
            }
        }

        public override long AvailableBytes => _isFull ? 0 : long.MaxValue;

        protected override IDiskFile Wrap(string name, IDiskFile file) => new Wrapped(this, file);

        private sealed class Wrapped(CopyOnWriteDisk disk, IDiskFile file) : FileWrapper(file)
        {
            public override void Write(ReadOnlySpan<byte> bytes, long offset)
            {
                if (disk._isFull && Interlocked.Add(ref disk._freeBytes, -bytes.Length) < 0) throw new DiskFullException("no space");
                base.Write(bytes, offset);
            }

            public override void Truncate(long length)
            {
                Interlocked.Exchange(ref disk._freeBytes, Length - length);
                base.Truncate(length);
            }
        }
    }

    /// <summary>A disk whose writes throw exceptions that are not disk failures.</summary>
    private sealed class ThrowingDisk(IDisk disk) : DiskWrapper(disk)
    {
        private volatile bool _isThrowing;

        public bool IsThrowing
        {
            set => _isThrowing = value;
        }

        /// <summary>The name of the only file that throws; null for all files.</summary>
        public string? Only { get; set; }

        protected override IDiskFile Wrap(string name, IDiskFile file) => Only is null || name == Only ? new Wrapped(this, file) : file;

        private sealed class Wrapped(ThrowingDisk disk, IDiskFile file) : FileWrapper(file)
        {
            public override void Write(ReadOnlySpan<byte> bytes, long offset)
            {
                if (disk._isThrowing) throw new InsufficientMemoryException(); // which is an OutOfMemoryException
                base.Write(bytes, offset);
            }
        }
    }

    private sealed class BrieflyFullDisk(IDisk disk) : DiskWrapper(disk)
    {
        private volatile bool _isFull;

        public bool IsFull
        {
            set => _isFull = value;
        }

        public ConcurrentQueue<int> Writes { get; } = new();

        protected override IDiskFile Wrap(string name, IDiskFile file) => new Wrapped(this, file);

        private sealed class Wrapped(BrieflyFullDisk disk, IDiskFile file) : FileWrapper(file)
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
