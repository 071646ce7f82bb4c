using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>Removes expired entries in the background, and evicts entries while the memory in use exceeds its limit.</summary>
/// <remarks>Its timer runs only if entries expire, or may be evicted: a server without such entries has nothing to wake up for.</remarks>
internal sealed class Sweeper : IDisposable
{
    /// <summary>How many expired entries of a shard are removed before its lock is released.</summary>
    private const int RemovalsMax = 100;

    /// <summary>How often a shard's lock is taken in a row.</summary>
    private const int RoundsMax = 1_000;

    /// <summary>How many entries are evicted in one period; a limit that was lowered is reached after a while.</summary>
    private const int EvictionsMax = 10_000;

    private readonly Keyspace _entries;
    private readonly ICommitLog _log;
    private readonly MemoryRoom? _room;
    private readonly ITimer _timer;
    private readonly Lock _sweeping = new();
    private readonly Lock _scheduling = new();
    private bool _isDisposed;

    public Sweeper(Keyspace entries, ICommitLog log, MemoryRoom? room, TimeProvider time)
    {
        (_entries, _log, _room) = (entries, log, room);
        _timer = time.CreateTimer(static sweeper => ((Sweeper)sweeper!).Sweep(), this, StoreClock.SweepPeriod, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Sets the timer for the next sweep. To be called without locks, once <see cref="StoreClock.IsSweepWanted"/>.</summary>
    public void Schedule()
    {
        // The time is read under the lock, so that the last one to set the timer has the earliest time.
        lock (_scheduling) _timer.Change(_entries.Clock.TakeTimeToSweep(), Timeout.InfiniteTimeSpan);
    }

    /// <summary>Returns once nothing is being swept.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_sweeping) _isDisposed = true;
    }

    private void Sweep()
    {
        // A sweep that takes longer than the period is not joined by another, and sets the timer at its end.
        if (!_sweeping.TryEnter()) return;
        try
        {
            if (_isDisposed) return;
            long now = _entries.Clock.Now();
            foreach (Shard shard in _entries.Shards) Sweep(shard, now);
            if (_entries.Clock.IsAhead(now)) FollowClockBack(now);
            for (int i = 0; i < EvictionsMax && _room is { MustShrink: true } && !_log.IsBehind && _room.Remove() > 0; i++)
            {
            }
            _log.Flush();
            PlanNext();
        }
        catch (OutOfMemoryException)
        {
            // Nothing was removed that was not committed. The next sweep tries again.
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
            // Removals must not fill the memory with commits that the disk has yet to take.
            if (_log.IsBehind) return;

            // Threads that wait for the lock get it in between.
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
            // An expiry that is added before this is found here, and one that is added later finds the time that was planned.
            shard.Enter();
            any |= shard.ExpectNext();
            shard.Exit();
        }
        if (any || !TryRest()) Schedule();
    }

    private bool TryRest()
    {
        foreach (Shard shard in _entries.Shards) shard.Enter();
        try
        {
            if (_entries.Shards.Any(shard => shard.ExpectNext())) return false;
            _entries.Clock.Rest();
            return true;
        }
        finally
        {
            foreach (Shard shard in _entries.Shards) shard.Exit();
        }
    }

    private void FollowClockBack(long now)
    {
        foreach (Shard shard in _entries.Shards) shard.Enter();
        try
        {
            if (!_entries.Shards.Any(shard => shard.HasExpired(now))) _entries.Clock.FollowBack(now);
        }
        finally
        {
            foreach (Shard shard in _entries.Shards) shard.Exit();
        }
    }
}
