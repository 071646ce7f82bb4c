using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// A snapshot's process dies after the rename and before the sync of names; the next one finds the snapshot, and the machine
/// goes down while it deletes what the snapshot makes superfluous.
/// </summary>
public sealed class UnsyncedNameTests
{
    private const int Runs = 300;
    private const int Commits = 60;

    [Fact]
    public void Recovery_OfASnapshotWhoseNameIsNotSynced_DeletesNothingBeforeItIs() => Seeds.Run(random =>
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

    private static SimulatedDisk DieBeforeTheNameIsSynced(Random random)
    {
        var disk = new SimulatedDisk(random);
        using DrivenStore store = Open(disk);
        for (int i = 0; i < Commits; i++)
        {
            Operation put = Operation.Put(Encoding.UTF8.GetBytes($"key{i}"), new byte[200]);
            ValueTask<int> call = store.Calls.ExecuteAsync(new[] { put }, new CountingSink());
            store.Write(sync: true);
            Assert.Equal(1, call.Completed());
        }

        // The creation of its file, and the rename.
        disk.CrashAfterNames = 2;
        Assert.Throws<SimulatedCrashException>(() => store.Snapshot());
        return disk.Kill();
    }

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

    private static DrivenStore Open(SimulatedDisk disk) => DrivenStore.Open(disk, new CrashProfile { HistoryBytes = 0 }, TimeProvider.System);
}
