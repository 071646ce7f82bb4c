using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>Removes expired entries in the background, and evicts entries while the memory in use exceeds its limit.</summary>
/// <remarks>Its timer runs only if entries expire or may be evicted, so that an idle server does not wake up.</remarks>
internal sealed class Sweeper : IDisposable
{
    /// <summary>The maximum number of expired entries removed during one acquisition of a shard's lock.</summary>
    private const int RemovalsMax = 100;

    /// <summary>The maximum number of acquisitions of a shard's lock in one sweep.</summary>
    private const int RoundsMax = 1_000;

    /// <summary>The maximum number of evictions in one sweep. A lowered limit is therefore reached gradually.</summary>
    private const int EvictionsMax = 10_000;

    private readonly Keyspace _entries;
    private readonly ICommitLog _log;
    private readonly MemoryReclaimer? _room;
    private readonly ITimer _timer;
    private readonly Lock _sweeping = new();
    private readonly Lock _scheduling = new();
    private bool _isDisposed;

    public Sweeper(Keyspace entries, ICommitLog log, MemoryReclaimer? room, TimeProvider time)
    {
        (_entries, _log, _room) = (entries, log, room);
        _timer = time.CreateTimer(static sweeper => ((Sweeper)sweeper!).Sweep(), this, StoreClock.SweepPeriod, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Sets the timer for the next sweep. Must be called without locks, if <see cref="StoreClock.IsSweepWanted"/>.</summary>
    public void Schedule()
    {
        // The time is read under the lock, so that the last call to set the timer has the earliest time.
        lock (_scheduling) _timer.Change(_entries.Clock.TakeSweepDelay(), Timeout.InfiniteTimeSpan);
    }

    /// <summary>Stops the timer, and waits for a sweep in progress.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_sweeping) _isDisposed = true;
    }

    private void Sweep()
    {
        // Sweeps do not overlap. A sweep that exceeds the period sets the timer at its end.
        if (!_sweeping.TryEnter()) return;
        try
        {
            if (_isDisposed) return;
            long now = _entries.Clock.Now();
            foreach (Shard shard in _entries.Shards) Sweep(shard, now);
            if (_entries.Clock.IsAhead(now)) FollowSystemClockBack(now);
            for (int i = 0; i < EvictionsMax && _room is { MustShrink: true } && !_log.IsBehind && _room.Remove() > 0; i++)
            {
            }
            _log.Flush();
            PlanNext();
        }
        catch (OutOfMemoryException)
        {
            // Every removal so far was committed. The next sweep retries.
            _entries.Clock.PlanSweep(StoreClock.SweepPeriod);
            Schedule();
        }
        finally
        {
            _sweeping.Exit();
        }
    }

    private void Sweep(Shard shard, long now)
    {
        bool more = true;
        for (int round = 0; more && round < RoundsMax; round++)
        {
            // Removals must not fill memory with commits that are not yet written to disk.
            if (_log.IsBehind) return;

            // Lets threads that wait for the lock acquire it.
            if (round > 0) Thread.Yield();
            shard.Enter();
            try
            {
                for (int i = 0; more && i < RemovalsMax; i++) more = shard.TryRemoveExpired(_log, now);
            }
            finally
            {
                shard.Exit();
            }
        }
    }

    private void PlanNext()
    {
        StoreClock clock = _entries.Clock;
        clock.PlanSweep(_entries.Evicts ? StoreClock.SweepPeriod : null);
        bool any = _entries.Evicts;
        foreach (Shard shard in _entries.Shards)
        {
            // An expiry that was added earlier is found here. One that is added later sees the planned time.
            shard.Enter();
            any |= shard.ExpectNext();
            shard.Exit();
        }
        if (any || !TrySuspend()) Schedule();
    }

    private bool TrySuspend()
    {
        foreach (Shard shard in _entries.Shards) shard.Enter();
        try
        {
            if (_entries.Shards.Any(shard => shard.ExpectNext())) return false;
            _entries.Clock.SuspendSweeps();
            return true;
        }
        finally
        {
            foreach (Shard shard in _entries.Shards) shard.Exit();
        }
    }

    private void FollowSystemClockBack(long now)
    {
        foreach (Shard shard in _entries.Shards) shard.Enter();
        try
        {
            if (!_entries.Shards.Any(shard => shard.HasExpired(now))) _entries.Clock.StepBack(now);
        }
        finally
        {
            foreach (Shard shard in _entries.Shards) shard.Exit();
        }
    }
}
