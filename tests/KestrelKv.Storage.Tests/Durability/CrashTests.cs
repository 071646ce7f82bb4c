using KestrelKv.Storage.Tests.Soak;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>Thousands of processes that die. Everything that was acknowledged or visible survives.</summary>
public sealed class CrashTests
{
    [Fact]
    public void Recovery_AfterRandomCrashes_RestoresPrefixWithAllVisibleCommits() => Repeat(
        CrashProfile.Any,
        counts =>
        {
            Assert.InRange(counts.Losses, 1, counts.Recoveries);
            Assert.All([counts.Snapshots, counts.Shown, counts.Compactions], count => Assert.NotEqual(0, count));
        });

    /// <summary>Visible commits are often lost. The watches of the feed detect it, and no version is assigned twice.</summary>
    [Fact]
    public void Recovery_AfterVisibleUnsyncedCommits_NeverReusesVersions() => Repeat(
        random => CrashProfile.Any(random) with { Mode = random.Next(2) == 0 ? DurabilityMode.EverySec : DurabilityMode.None },
        counts => Assert.All([counts.Losses, counts.Shown, counts.LostPositions], count => Assert.NotEqual(0, count)));

    [Fact]
    public void Recovery_AfterDiskFailures_RestoresPrefixWithAllVisibleCommits() => Repeat(
        random => CrashProfile.Any(random) with { Faults = SomeFaults(random) },
        counts => Assert.All([counts.LostCalls, counts.Refused, counts.FailedSnapshots], count => Assert.NotEqual(0, count)));

    [Fact]
    public void Recovery_FullDisk_RestoresPrefixWithAllVisibleCommits() => Repeat(
        random =>
        {
            CrashProfile profile = CrashProfile.Any(random);
            return profile with
            {
                CapacityBytes = profile.SegmentBytes * random.Next(2, 10),
                Faults = random.Next(2) == 0 ? DiskFaults.None : new() { Full = Probability(random) },
            };
        },
        counts => Assert.All([counts.Refused, counts.FailedSnapshots], count => Assert.NotEqual(0, count)));

    [Fact]
    public void Recovery_StoreWithEviction_RestoresPrefixWithAllVisibleCommits() => Repeat(
        random => CrashProfile.Any(random) with { Evicts = true, SegmentBytes = 1 << random.Next(12, 20), LivesMax = 3 },
        counts => Assert.NotEqual(0, counts.Evictions));

    private static DiskFaults SomeFaults(Random random) => random.Next(4) switch
    {
        0 => new() { Sync = Probability(random), SyncNames = Probability(random) },
        1 => new() { Write = Probability(random) },
        2 => new() { Name = Probability(random), Read = Probability(random) / 10 },
        _ => new()
        {
            Read = Probability(random) / 10, Write = Probability(random), Full = Probability(random), Sync = Probability(random),
            Name = Probability(random), SyncNames = Probability(random),
        },
    };

    private static double Probability(Random random) => 0.5 / (1 + random.UpTo(100));

    private static void Repeat(Func<Random, CrashProfile> profile, Action<RunCounts> check) => Seeds.Run(random =>
    {
        var all = new RunCounts();
        foreach (long run in SoakTime.Steps())
        {
            var own = new Random(random.Next());
            try
            {
                all.Add(new CrashRun(own, profile(own)).Run());
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Run {run}: {e.Message}", e);
            }
        }
        check(all);
    });
}
