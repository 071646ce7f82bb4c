using KestrelKv.Storage.Files;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>What <see cref="CrashRun"/> is there to find, it finds: the same runs, on a store with a fault.</summary>
public sealed class PlantedFaultTests
{
    private const int RunsMax = 1_000;

    [Fact]
    public void Run_NamesAreNotSynced_Fails() => AssertFound(disk => new DiskWithoutSyncOfNames(disk));

    [Fact]
    public void Run_RepliesBeforeTheSync_Fails() => AssertFound(disk => new DiskWithoutSyncOfContents(disk, ".log"));

    [Fact]
    public void Run_SnapshotsAreNotSynced_Fails() => AssertFound(disk => new DiskWithoutSyncOfContents(disk, "snapshot"));

    [Fact]
    public void Run_ChecksumsAreNotChecked_Fails() => AssertFound(disk => new DiskWithoutChecksums(disk));

    private static void AssertFound(Func<IDisk, IDisk> wrap) => Seeds.Run(random =>
    {
        for (int run = 0; run < RunsMax; run++)
        {
            var own = new Random(random.Next());
            try
            {
                new CrashRun(own, CrashProfile.Any(own) with { Wrap = wrap }).Run();
            }
            catch (Exception e) when (e is LostDataException or DataException)
            {
                return;
            }
        }
        Assert.Fail($"Nothing found in {RunsMax} runs.");
    });
}
