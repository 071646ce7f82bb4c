using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// A process dies between the rename of a file and the sync of the directory. The next process finds the file, then the machine
/// crashes.
/// </summary>
public sealed class UnsyncedNameTests
{
    private const int Runs = 300;
    private const int Commits = 60;

    [Fact]
    public void Recovery_UnsyncedNameOfSnapshot_DeletesNothingBeforeTheSync() => Seeds.Run(random =>
    {
        int deaths = 0;
        for (int run = 0; run < Runs; run++)
        {
            SimulatedDisk found = DieBeforeTheNameIsSynced(random);
            found.CrashAfterNames = random.Next(1, 7);
            if (!TryOpen(found)) deaths++;

            using DrivenStore store = Open(found.Crash());
            Assert.Equal(Commits, store.Calls.GetStats().Keys);
        }
        Assert.InRange(deaths, Runs / 4, Runs);
    });

    /// <summary>
    /// A segment with an end record must be followed by another segment. Recovery may end a full segment to begin its versions in the
    /// next one.
    /// </summary>
    [Fact]
    public void Recovery_UnsyncedNameOfSegment_EndsThePreviousOneAfterTheSync() => Seeds.Run(random =>
    {
        int deaths = 0;
        for (int run = 0; run < Runs; run++)
        {
            SimulatedDisk disk = FillTheOnlySegment(random, out int keys);
            using (DrivenStore full = Open(disk))
            {
                // The creation and the rename of the next segment.
                disk.CrashAfterNames = 2;
                Assert.Throws<SimulatedCrashException>(() => full.Write(sync: true));
            }
            SimulatedDisk found = disk.Kill();
            found.CrashAt = found.Changes + random.Next(1, 8);
            if (!TryOpen(found)) deaths++;

            using DrivenStore store = Open(found.Crash());
            Assert.Equal(keys, store.Calls.GetStats().Keys);
        }
        Assert.InRange(deaths, Runs / 4, Runs);
    });

    /// <summary>Returns a disk with one segment, which has room for the version jump of one more start.</summary>
    private static SimulatedDisk FillTheOnlySegment(Random random, out int keys)
    {
        var disk = new SimulatedDisk(random) { CapacityBytes = new CrashProfile().SegmentBytes };
        using DrivenStore store = Open(disk);
        for (keys = 0; ; keys++)
        {
            ValueTask<int> call = Put(store, keys, random.Next(40, 200));
            store.Write(sync: true);
            call.Completed();
            if (store.Calls.GetStats().Keys == keys) break;
        }
        disk = disk.Kill();
        disk.CapacityBytes = long.MaxValue;
        return disk;
    }

    private static SimulatedDisk DieBeforeTheNameIsSynced(Random random)
    {
        var disk = new SimulatedDisk(random);
        using DrivenStore store = Open(disk);
        for (int i = 0; i < Commits; i++)
        {
            ValueTask<int> call = Put(store, i, 200);
            store.Write(sync: true);
            Assert.Equal(1, call.Completed());
        }

        // The creation and the rename of the snapshot.
        disk.CrashAfterNames = 2;
        Assert.Throws<SimulatedCrashException>(() => store.Snapshot());
        return disk.Kill();
    }

    private static ValueTask<int> Put(DrivenStore store, int key, int valueBytes) =>
        store.Calls.ExecuteAsync(new[] { Operation.Put(Encoding.UTF8.GetBytes($"key{key}"), new byte[valueBytes]) }, new CountingSink());

    private static bool TryOpen(SimulatedDisk disk)
    {
        try
        {
            Open(disk).Dispose();
            return true;
        }
        catch (SimulatedCrashException)
        {
            return false;
        }
    }

    private static DrivenStore Open(SimulatedDisk disk) =>
        DrivenStore.Open(disk, new CrashProfile { HistoryBytes = 0 }, TimeProvider.System);
}
