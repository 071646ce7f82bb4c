using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Tests.Soak;
using Microsoft.Extensions.Time.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// One process after the other on one disk: each recovers what the one before has left, serves random calls, and dies, at
/// any change of the disk, during recovery too. What each recovers must be a state that was, and nothing that was shown to
/// anybody may be missing.
/// </summary>
internal sealed class CrashRun(Random random, CrashProfile profile)
{
    private const int StepsMax = 150;

    /// <summary>What all processes of this run share.</summary>
    private readonly World _world = new(random, profile);

    /// <summary>Does it.</summary>
    /// <returns>What was done.</returns>
    /// <exception cref="LostDataException">Something was lost, or came from nowhere, or was shown too early.</exception>
    public RunCounts Run()
    {
        using var thread = new SingleThread();
        _world.Thread = thread;
        var disk = new SimulatedDisk(random) { CapacityBytes = profile.CapacityBytes };
        for (int lives = random.Next(1, profile.LivesMax + 1); lives > 0; lives--)
        {
            disk.CrashAt = random.Next(5) == 0 ? long.MaxValue : 1 + random.UpTo(300);
            Live(disk);
            _world.Counts.Crashes++;
            disk = disk.Crash();
        }

        // Now all is well, and must stay so.
        disk.CapacityBytes = long.MaxValue;
        using var last = ProcessLife.Open(_world, disk);
        for (int steps = 10; steps > 0; steps--) last.Step();
        last.Quiesce();
        return _world.Counts;
    }

    private void Live(SimulatedDisk disk)
    {
        ProcessLife? life = null;
        try
        {
            // Now and then the disk fails from the beginning.
            bool failsAtOnce = random.Next(8) == 0;
            if (failsAtOnce) disk.Faults = profile.Faults;
            life = ProcessLife.Open(_world, disk);
            int steps = random.UpTo(StepsMax), failsAt = random.Next(StepsMax);
            for (int step = 0; step < steps; step++)
            {
                if (step == failsAt) disk.Faults = profile.Faults;
                life.Step();
            }
            // Half of those that have come so far end as they should.
            if (random.Next(2) == 0) life.Quiesce();
            if (random.Next(2) == 0) life.Close();
        }
        catch (SimulatedCrashException)
        {
            life?.Collect();
        }
        catch (Exception e) when (e is IOException or DataException && life is null && disk.Failures > 0)
        {
            // It could not be opened, which is to say that nothing was shown.
            _world.Counts.FailedOpens++;
        }
        finally
        {
            life?.Dispose();
        }
    }
}

/// <summary>What all processes of a run share.</summary>
internal sealed class World
{
    public World(Random random, CrashProfile profile)
    {
        (Random, Profile) = (random, profile);
        byte[][] keys = [.. KeySpaces.Few, .. KeySpaces.Numbered("key:", random.UpTo(100))];
        Operations = new(random, keys, Time)
        {
            BatchMax = 8, ValueBytesMax = profile.Evicts ? 20_000 : profile.ValueBytesMax, ExpiryMax = TimeSpan.FromSeconds(3),
            VersionOf = key => History.TryGet(key.Span, out StoredEntry? entry) && entry.IsVisible(Now()) ? entry.Version : 0,
            LastVersion = () => History.Last,
        };
    }

    public Random Random { get; }

    public CrashProfile Profile { get; }

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));

    public CommitHistory History { get; } = new();

    public RandomOperations Operations { get; }

    public SingleThread? Thread { get; set; }

    public RunCounts Counts { get; } = new();

    /// <summary>The writes that were issued of late.</summary>
    public List<IssuedCall> Issued { get; } = [];

    public long Now() => Time.GetUtcNow().ToUnixTimeMilliseconds();
}

/// <summary>A call as it was made.</summary>
/// <param name="After">The version of the store before it.</param>
internal sealed record IssuedCall(long After, Operation[] Operations, bool IsBatch);

/// <summary>How much happened in a run, so that a test can see that what it is about did happen.</summary>
internal sealed class RunCounts
{
    public int Crashes { get; set; }

    public int Recoveries { get; set; }

    /// <summary>Recoveries of less than the process before had in memory.</summary>
    public int Losses { get; set; }

    public int FailedOpens { get; set; }

    public int Acknowledged { get; set; }

    /// <summary>Calls that failed since the disk had.</summary>
    public int LostCalls { get; set; }

    /// <summary>Writes that were refused for the disk's sake.</summary>
    public int Refused { get; set; }

    public int Snapshots { get; set; }

    public int FailedSnapshots { get; set; }

    public int Evictions { get; set; }

    public void Add(RunCounts other)
    {
        Crashes += other.Crashes;
        Recoveries += other.Recoveries;
        Losses += other.Losses;
        FailedOpens += other.FailedOpens;
        Acknowledged += other.Acknowledged;
        LostCalls += other.LostCalls;
        Refused += other.Refused;
        Snapshots += other.Snapshots;
        FailedSnapshots += other.FailedSnapshots;
        Evictions += other.Evictions;
    }

    public override string ToString() =>
        $"{Crashes} crashes, {Recoveries} recoveries ({Losses} of less), {FailedOpens} failed to open; calls: {Acknowledged} acknowledged, "
        + $"{LostCalls} lost, {Refused} writes refused; snapshots: {Snapshots}, {FailedSnapshots} failed; {Evictions} evictions";
}
