using KestrelKv.Storage.Files;
using KestrelKv.Storage.Tests.Soak;

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
        if (profile.Evicts) Fill(disk);
        for (int lives = random.Next(1, profile.LivesMax + 1); lives > 0; lives--)
        {
            disk.CrashAt = random.Next(5) == 0 ? long.MaxValue : disk.Changes + 1 + random.UpTo(300);
            if (random.Next(3) == 0) (disk.CrashAt, disk.CrashAfterNames) = (long.MaxValue, 1 + random.UpTo(10));
            Live(disk);
            _world.Counts.Crashes++;
            disk = random.Next(3) == 0 ? disk.Kill() : disk.Crash();
        }

        // Now all is well, and must stay so.
        disk.CapacityBytes = long.MaxValue;
        using var last = ProcessLife.Open(_world, disk);
        for (int steps = 10; steps > 0; steps--) last.Step();
        last.Quiesce();
        return _world.Counts;
    }

    /// <summary>So much that what follows must make room.</summary>
    private void Fill(SimulatedDisk disk)
    {
        using var life = ProcessLife.Open(_world, disk);
        life.Fill();
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
