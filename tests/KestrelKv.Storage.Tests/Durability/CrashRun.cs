using KestrelKv.Storage.Files;
using KestrelKv.Storage.Tests.Soak;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// A sequence of processes on one disk. Each recovers the data of the previous one, executes random calls, and dies at any change of
/// the disk, also during recovery. Each must recover a past state, without loss of anything that was visible.
/// </summary>
internal sealed class CrashRun(Random random, CrashProfile profile)
{
    private const int StepsMax = 150;

    private readonly World _world = new(random, profile);

    /// <summary>Executes the run.</summary>
    /// <exception cref="LostDataException">Data was lost, appeared without a write, or was visible too early.</exception>
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

        // Without further faults, everything must succeed.
        disk.CapacityBytes = long.MaxValue;
        using var last = SimulatedProcess.Open(_world, disk);
        for (int steps = 10; steps > 0; steps--) last.Step();
        last.Quiesce();
        return _world.Counts;
    }

    /// <summary>Fills the memory so that later writes must evict entries.</summary>
    private void Fill(SimulatedDisk disk)
    {
        using var life = SimulatedProcess.Open(_world, disk);
        life.Fill();
    }

    private void Live(SimulatedDisk disk)
    {
        SimulatedProcess? life = null;
        try
        {
            // Sometimes the disk fails from the beginning.
            bool failsAtOnce = random.Next(8) == 0;
            if (failsAtOnce) disk.Faults = profile.Faults;
            life = SimulatedProcess.Open(_world, disk);
            int steps = random.UpTo(StepsMax), failsAt = random.Next(StepsMax);
            for (int step = 0; step < steps; step++)
            {
                if (step == failsAt) disk.Faults = profile.Faults;
                life.Step();
            }
            // Half of the processes that reach this point stop normally.
            if (random.Next(2) == 0) life.Quiesce();
            if (random.Next(2) == 0) life.Close();
        }
        catch (SimulatedCrashException)
        {
            life?.Collect();
        }
        catch (Exception e) when (e is IOException or DataException && life is null && disk.Failures > 0)
        {
            // The store could not be opened, so nothing was visible.
            _world.Counts.FailedOpens++;
        }
        finally
        {
            life?.Dispose();
        }
    }
}
