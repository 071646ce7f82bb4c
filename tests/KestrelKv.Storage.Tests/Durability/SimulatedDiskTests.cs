using KestrelKv.Storage.Files;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The simulated disk loses what a real disk may lose, and nothing else.</summary>
public sealed class SimulatedDiskTests
{
    private const int Crashes = 400;

    [Fact]
    public void Crash_AfterSyncs_KeepsEverything() => Seeds.Run(random =>
    {
        for (int i = 0; i < Crashes; i++)
        {
            var disk = new SimulatedDisk(random);
            byte[] bytes = Noise(random, random.Next(5_000));
            using (IDiskFile file = disk.Create("a"))
            {
                file.Write(bytes, 0);
                file.Sync();
            }
            disk.Rename("a", "b");
            disk.SyncNames();
            disk = disk.Crash();
            Assert.Equal(["b"], disk.List());
            Assert.Equal(bytes, disk.GetContents("b"));
        }
    });

    [Fact]
    public void Crash_WithUnsyncedWrites_LeavesEachSectorOldNewOrGarbledWhereItWasWritten() => Seeds.Run(random =>
    {
        const int Sectors = 20, Written = 100;
        int old = 0, between = 0, newest = 0, garbled = 0, all = 0, none = 0;
        for (int i = 0; i < Crashes; i++)
        {
            var disk = new SimulatedDisk(random);
            disk.SetContents("a", new byte[Sectors * SimulatedFile.SectorBytes]);
            using (IDiskFile file = disk.Open("a"))
            {
                for (byte state = 1; state <= 2; state++)
                    for (int sector = 0; sector < Sectors; sector++)
                        file.Write(Enumerable.Repeat(state, Written).ToArray(), sector * SimulatedFile.SectorBytes);
            }
            int[] states = [.. disk.Crash().GetContents("a").Chunk(SimulatedFile.SectorBytes).Select(StateOf)];
            old += states.Count(state => state == 0);
            between += states.Count(state => state == 1);
            newest += states.Count(state => state == 2);
            garbled += states.Count(state => state < 0);
            all += states.All(state => state == 2) ? 1 : 0;
            none += states.All(state => state == 0) ? 1 : 0;
        }
        Assert.All([old, between, newest, garbled], count => Assert.InRange(count, Crashes / 20, Crashes * Sectors));
        Assert.All([all, none], count => Assert.InRange(count, Crashes / 20, Crashes / 2));

        static int StateOf(byte[] sector)
        {
            Assert.All(sector[Written..], b => Assert.Equal(0, b));
            return sector[..Written].Distinct().Count() == 1 && sector[0] <= 2 ? sector[0] : -1;
        }
    });

    [Fact]
    public void Crash_WithUnsyncedNames_KeepsAnyValidSubsetOfChanges() => Seeds.Run(random =>
    {
        var seen = new HashSet<string>();
        for (int i = 0; i < Crashes; i++)
        {
            var disk = new SimulatedDisk(random);
            disk.SetContents("old", [1]);
            disk.SetContents("target", [2]);
            disk.Delete("old");
            using (IDiskFile file = disk.Create("new"))
            {
                file.Write([3], 0);
                file.Sync();
            }
            disk.Rename("new", "target");
            disk = disk.Crash();
            seen.Add(string.Join(' ', disk.List().Order(StringComparer.Ordinal).Select(name => $"{name}{disk.GetContents(name)[0]}")));
        }
        Assert.Equal(
            ["new3 old1 target2", "new3 target2", "old1 target2", "old1 target3", "target2", "target3"],
            seen.Order(StringComparer.Ordinal));
    });

    [Fact]
    public void Crash_WithUnsyncedLength_LeavesZerosOrCuts() => Seeds.Run(random =>
    {
        var lengths = new HashSet<int>();
        bool zeros = false;
        for (int i = 0; i < Crashes; i++)
        {
            var disk = new SimulatedDisk(random);
            disk.SetContents("a", [1]);
            using (IDiskFile file = disk.Open("a"))
            {
                file.Write([2], 1_000);
                file.Write([3], 2_000);
            }
            byte[] contents = disk.Crash().GetContents("a");
            lengths.Add(contents.Length);
            zeros |= contents.Length == 2_001 && contents[2_000] == 0;
        }
        Assert.Equal([1, 1_001, 2_001], lengths.Order());
        Assert.True(zeros);
    });

    [Fact]
    public void Sync_AfterAFailedSync_DoesNotMakeDataDurable() => Seeds.Run(random =>
    {
        int lost = 0;
        for (int i = 0; i < Crashes; i++)
        {
            var disk = new SimulatedDisk(random);
            disk.SetContents("a", new byte[4_096]);
            using (IDiskFile file = disk.Open("a"))
            {
                file.Write(Enumerable.Repeat((byte)1, 4_096).ToArray(), 0);
                disk.Faults = new() { Sync = 1 };
                Assert.Throws<IOException>(file.Sync);
                disk.Faults = DiskFaults.None;
                file.Sync();
                Assert.All(disk.GetContents("a"), b => Assert.Equal(1, b));
            }
            if (disk.Crash().GetContents("a").Contains((byte)0)) lost++;
        }
        Assert.InRange(lost, Crashes / 4, Crashes);
    });

    [Fact]
    public void Write_PastTheCapacity_WritesSomeOfItAndThrows() => Seeds.Run(random =>
    {
        var disk = new SimulatedDisk(random) { CapacityBytes = 1_500 };
        using IDiskFile file = disk.Create("a");
        file.Write(new byte[1_000], 0);
        Assert.Throws<DiskFullException>(() => file.Write(new byte[1_000], 800));
        Assert.InRange(file.Length, 1_000, 1_500);
        file.Write(new byte[1_000], 0);
        disk.CapacityBytes = 2_000;
        file.Write(new byte[1_000], 800);
        Assert.Equal(1_800, file.Length);
    });

    [Fact]
    public void CrashAt_IsReached_EndsEveryCall() => Seeds.Run(random =>
    {
        var disk = new SimulatedDisk(random) { CrashAt = 3 };
        IDiskFile file = disk.Create("a");
        file.Write([1], 0);
        Assert.Throws<SimulatedCrashException>(file.Sync);
        Assert.Throws<SimulatedCrashException>(() => file.Length);
        Assert.Throws<SimulatedCrashException>(disk.List);
        file.Dispose();
        Assert.True(disk.HasCrashed);
        Assert.False(disk.Crash().HasCrashed);
    });

    [Fact]
    public void BeforeOperation_CallsTheDisk_IsNotCalledAgain() => Seeds.Run(random =>
    {
        var disk = new SimulatedDisk(random);
        int calls = 0;
        disk.BeforeOperation = () =>
        {
            calls++;
            disk.SyncNames();
        };
        disk.SyncNames();
        Assert.Equal((1, 2), (calls, disk.Changes));
    });

    private static byte[] Noise(Random random, int bytes)
    {
        byte[] noise = new byte[bytes];
        random.NextBytes(noise);
        return noise;
    }
}
