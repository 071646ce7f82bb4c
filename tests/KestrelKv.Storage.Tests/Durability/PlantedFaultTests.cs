using KestrelKv.Storage.Files;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary><see cref="CrashRun"/> detects faults: the same runs on a faulty store.</summary>
public sealed class PlantedFaultTests
{
    private const int RunsMax = 1_000;

    [Fact]
    public void Run_DirectoryNotSynced_Fails() => AssertFound(disk => new DiskWithoutSyncOfNames(disk));

    [Fact]
    public void Run_ReplyBeforeTheSync_Fails() => AssertFound(disk => new DiskWithoutSyncOfContents(disk, ".log"));

    [Fact]
    public void Run_SnapshotNotSynced_Fails() => AssertFound(disk => new DiskWithoutSyncOfContents(disk, "snapshot"));

    [Fact]
    public void Run_ChecksumNotVerified_Fails() => AssertFound(disk => new DiskWithoutChecksums(disk));

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
        Assert.Fail($"{RunsMax} runs did not detect the fault.");
    });
}
