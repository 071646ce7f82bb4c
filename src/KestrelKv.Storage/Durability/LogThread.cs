using System.Diagnostics;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>The thread that writes the log, and the one that prepares its segments.</summary>
/// <remarks>Any exception on these threads that is not handled fails the store, and never ends the process.</remarks>
internal sealed class LogThread : IDisposable
{
    /// <summary>How often a disk that is full is asked again.</summary>
    private static readonly TimeSpan FullRetryTime = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The longest time that calls wait for space for commits which already have their versions. After it the store fails:
    /// such commits cannot be undone, and must be neither acknowledged nor visible. 10 seconds.
    /// </summary>
    internal static readonly TimeSpan StallTimeMax = TimeSpan.FromSeconds(10);

    /// <summary>What has been synced is marked so after this time without commits.</summary>
    private static readonly TimeSpan MarkTime = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan EverySecond = TimeSpan.FromSeconds(1);

    /// <summary>Where nobody waits for the disk: what comes within this time is written at once.</summary>
    private static readonly TimeSpan GatherTime = TimeSpan.FromMilliseconds(10);

    private readonly WriteAheadLog _log;
    private readonly LogWriter _writer;
    private readonly SegmentFiles _files;
    private readonly DurabilityMode _mode;
    private readonly Thread _thread;
    private readonly Thread _preparer;
    private readonly LogSignals _signals;
    private readonly ManualResetEventSlim _stop = new(false, spinCount: 0);
    private readonly Func<bool> _hasWork;
    private readonly Action _onWoken;
    private long _syncDueAt;

    /// <summary>Since when commits wait for space; 0 if none does.</summary>
    private long _stalledSince;

    /// <param name="log">Where the commits are.</param>
    /// <param name="writer">Writes and syncs them.</param>
    /// <param name="files">The segments to prepare.</param>
    /// <param name="signals">What wakes the threads.</param>
    /// <param name="mode">When commits are synced.</param>
    /// <param name="onWoken">Called each time the writer has waited for work. Must not block.</param>
    public LogThread(WriteAheadLog log, LogWriter writer, SegmentFiles files, LogSignals signals, DurabilityMode mode, Action onWoken)
    {
        (_log, _writer, _files, _signals, _mode, _onWoken) = (log, writer, files, signals, mode, onWoken);
        _hasWork = () => _log.HasQueued || _stop.IsSet;
        _thread = new Thread(Run) { Name = "kestrelkv log", IsBackground = true };
        _preparer = new Thread(Prepare) { Name = "kestrelkv segments", IsBackground = true };
    }

    public void Start()
    {
        _thread.Start();
        _preparer.Start();
        _signals.WantSegment(0);
    }

    /// <summary>Ends both threads, after what has been gathered is written and synced.</summary>
    public void Dispose()
    {
        if (_stop.IsSet) return;
        _stop.Set();
        _signals.WakeAll();
        _thread.Join();
        _preparer.Join();
    }

    private void Run()
    {
        Action write = WriteOnce;
        while (!_stop.IsSet) Guarded(write);

        // What was acknowledged without waiting for the disk is to be there, too.
        Guarded(() =>
        {
            bool written = _writer.Write();
            _writer.Sync();
            if (written) _writer.Mark();
        });
    }

    private void WriteOnce()
    {
        WaitForWork();

        // Where threads of the wire are ready to run on this very core, what they commit is to be in this sync, too.
        if (_mode == DurabilityMode.Always) Thread.Yield();
        if (_mode != DurabilityMode.Always && !_signals.IsSyncWanted) _stop.Wait(GatherTime);

        // Read before draining: a later request may cover later commits.
        bool syncWanted = _signals.TakeSyncWanted();
        if (!_writer.Write())
        {
            if (syncWanted && _writer.IsStalled) _signals.WantSync();
            if (syncWanted || IsSyncDue()) _writer.Sync();
            FailWhereStalledTooLong();
            _stop.Wait(FullRetryTime);
            return;
        }
        _stalledSince = 0;
        if (_log.Failure is not null) _stop.Wait();
        else if (syncWanted || IsSyncDue()) _writer.Sync();
    }

    /// <summary>In the other modes no call waits for the disk, and what was acknowledged is lost only if it is never written.</summary>
    private void FailWhereStalledTooLong()
    {
        if (_mode != DurabilityMode.Always || !_writer.IsStalled) _stalledSince = 0;
        else if (_stalledSince == 0) _stalledSince = Stopwatch.GetTimestamp();
        else if (Stopwatch.GetElapsedTime(_stalledSince) >= StallTimeMax)
            _log.Fail(DiskFullException.OfStall(StallTimeMax, _writer.FullReason));
    }

    /// <summary>Runs an action; where it throws, fails the store.</summary>
    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    private void Fail(Exception exception)
    {
        do
        {
            try
            {
                _log.Fail(exception as IOException ?? new IOException($"a thread of the log failed: {exception.GetType().Name}: {exception.Message}", exception));
                return;
            }
            catch (OutOfMemoryException)
            {
                // The calls that wait must learn of it all the same, once there is memory.
            }
        }
        while (!_stop.Wait(FullRetryTime));
    }

    private void WaitForWork()
    {
        // What could not be written is to be tried again, whether more comes or not.
        if (_writer.FullReason is not null) return;

        bool woken = _signals.WaitForWork(_hasWork, IdleTime());
        _onWoken();
        if (woken || _mode == DurabilityMode.None || _log.HasQueued) return;
        if (_writer.IsUnsynced) _writer.Sync();
        else _writer.Mark();
    }

    /// <summary>After how long without commits there is something to do.</summary>
    private TimeSpan IdleTime() =>
        _mode == DurabilityMode.None || _log.Failure is not null || (_writer.IsMarked && !_writer.IsUnsynced)
            ? Timeout.InfiniteTimeSpan
            : MarkTime;

    private bool IsSyncDue()
    {
        if (_mode == DurabilityMode.Always) return true;
        if (_mode == DurabilityMode.None || Environment.TickCount64 < _syncDueAt) return false;
        _syncDueAt = Environment.TickCount64 + (long)EverySecond.TotalMilliseconds;
        return true;
    }

    private void Prepare()
    {
        Action prepare = PrepareOnce;
        while (!_stop.IsSet)
        {
            _signals.WaitForSegmentWanted(_files.IsRefusing ? FullRetryTime : Timeout.InfiniteTimeSpan);
            if (_stop.IsSet || _log.Failure is not null) continue;
            Guarded(prepare);
        }
    }

    private void PrepareOnce()
    {
        _files.Prepare(_signals.TakeWantedBytes());
        _log.Progress();
    }
}
