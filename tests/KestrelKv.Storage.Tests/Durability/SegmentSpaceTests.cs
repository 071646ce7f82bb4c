using KestrelKv.Storage.Files;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>Commits that are larger than the free space of the disk.</summary>
public sealed class SegmentSpaceTests
{
    private const int SegmentBytes = 4_096;

    private readonly SimulatedDisk _disk = new(new Random(1));

    /// <summary>The call waits for an estimate, and its commit claims slightly less. Both are refused.</summary>
    [Fact]
    public void Execute_WriteLargerThanFreeSpace_IsRefusedAndWritesNothing()
    {
        using DrivenStore store = Open();
        _disk.CapacityBytes = _disk.UsedBytes + 10_000;
        (long used, long written) = (_disk.UsedBytes, _disk.WrittenBytes);
        Assert.Equal(ResultStatus.DiskFull, Put(store, 20_000));
        Assert.Equal((used, written), (_disk.UsedBytes, _disk.WrittenBytes));
        Assert.Equal(ResultStatus.Done, Put(store, 100));
    }

    [Fact]
    public void Commit_BatchLargerThanFreeSpace_IsRefused()
    {
        using DrivenStore store = Open();
        _disk.CapacityBytes = _disk.UsedBytes + 10_000;
        var sink = new RecordingSink();
        Operation[] batch =
        [
            .. Enumerable.Range(0, 50).Select(i => Operation.Put(BitConverter.GetBytes(i), new byte[300])),
            Operation.Get("key"u8.ToArray()),
        ];
        Run(store, () => store.Calls.CommitAsync(batch, sink, new("id"u8.ToArray())).AsTask());
        Assert.Equal(ResultStatus.DiskFull, Assert.Single(sink.Results).Status);
        Assert.Equal(ResultStatus.Done, Put(store, 100));
    }

    /// <summary>
    /// The disk reports space that it does not have, because of an unknown quota or because another process uses it meanwhile.
    /// </summary>
    [Fact]
    public void Execute_SegmentCannotBeExtended_FreesTheSpace()
    {
        using DrivenStore store = Open(new OptimisticDisk(_disk));
        long used = _disk.UsedBytes;
        _disk.CapacityBytes = used + 3 * 1024 * 1024;
        Assert.Equal(ResultStatus.DiskFull, Put(store, 4_000_000));
        Assert.Equal(used, _disk.UsedBytes);

        // The space for other writes is available.
        for (int i = 0; i < 100; i++) Assert.Equal(ResultStatus.Done, Put(store, 2_000));
    }

    [Fact]
    public void Execute_WriteThatCannotFit_KeepsTheHistory()
    {
        using DrivenStore store = Open();
        for (int i = 0; i < 20; i++) Assert.Equal(ResultStatus.Done, Put(store, 2_000));
        store.Snapshot();
        long history = store.HistoryBytes;
        Assert.True(history > SegmentBytes);
        _disk.CapacityBytes = _disk.UsedBytes + 10_000;
        Assert.Equal(ResultStatus.DiskFull, Put(store, (int)history + 20_000));
        Assert.Equal(history, store.HistoryBytes);

        // A write that fits after the deletion of history deletes only as much as it needs.
        Assert.Equal(ResultStatus.Done, Put(store, (int)history / 2 + 10_000));
        Assert.InRange(store.HistoryBytes, 1, history - 1);
    }

    [Fact]
    public void Open_CrashDuringReleaseOfPreparedSegment_RecoversAll() => Seeds.Run(random =>
    {
        var disk = new SimulatedDisk(random);
        using (DrivenStore store = Open(disk))
        {
            Assert.Equal(ResultStatus.Done, Put(store, 500));
            disk.Faults = new DiskFaults { Full = 0.3 };
            for (int i = 0; i < 20; i++) Put(store, 500);
            disk.Faults = DiskFaults.None;
            while (store.DurableVersion < store.Version) store.Write(sync: true);
            long version = store.Version;
            using DrivenStore again = Open(disk.Crash());
            Assert.Equal(version, again.LastRecovered);
            for (int i = 0; i < 20; i++) Assert.Equal(ResultStatus.Done, Put(again, 500));
        }
    });

    private static ResultStatus Put(DrivenStore store, int valueBytes)
    {
        var sink = new RecordingSink();
        Run(store, () => store.Calls.ExecuteAsync(new[] { Operation.Put("key"u8.ToArray(), new byte[valueBytes]) }, sink).AsTask());
        return sink.Results.Count == 0 ? ResultStatus.DiskFull : Assert.Single(sink.Results).Status;
    }

    /// <summary>Runs a call, which must complete within a bounded number of turns.</summary>
    private static void Run(DrivenStore store, Func<Task> begin)
    {
        using var thread = new SingleThread();
        Task call = begin();
        const int TurnsMax = 1_000;
        for (int i = 0; i < TurnsMax && !call.Wait(TimeSpan.FromMilliseconds(1)); i++)
        {
            store.Write(sync: true);
            thread.Run();
        }
        Assert.True(call.IsCompleted, "the call never completes");
    }

    private DrivenStore Open(IDisk? disk = null)
    {
        DrivenStore store = DrivenStore.Open(
            disk ?? _disk, new CrashProfile { SegmentBytes = SegmentBytes, HistoryBytes = 1 << 20 }, new TestTime());
        store.Write(sync: true);
        return store;
    }

    private sealed class OptimisticDisk(IDisk disk) : DiskWrapper(disk)
    {
        public override long AvailableBytes => long.MaxValue;
    }
}
