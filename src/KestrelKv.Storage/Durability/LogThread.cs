using System.Diagnostics;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>The thread that writes the log, and the thread that prepares its segments.</summary>
/// <remarks>An unhandled exception on these threads fails the store and never ends the process.</remarks>
internal sealed class LogThread : IDisposable
{
    /// <summary>The interval of retries while the disk is full.</summary>
    private static readonly TimeSpan FullRetryTime = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The maximum time that calls wait for space for commits that already have their versions: 10 seconds. After it the store fails,
    /// because such commits cannot be undone, and must be neither acknowledged nor visible.
    /// </summary>
    internal static readonly TimeSpan StallTimeMax = TimeSpan.FromSeconds(10);

    /// <summary>The time without commits after which a mark records the synced offset.</summary>
    private static readonly TimeSpan MarkTime = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan EverySecond = TimeSpan.FromSeconds(1);

    /// <summary>The time that commits are gathered for one write, in the modes in which no call waits for the disk.</summary>
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

    /// <summary>The time since which commits wait for space; 0 if none does.</summary>
    private long _stalledSince;

    /// <summary>Creates the threads. <paramref name="onWoken"/> is called after each wait for work, and must not block.</summary>
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
        _signals.RequestSegment(0);
    }

    /// <summary>Writes and syncs all queued commits, then ends both threads.</summary>
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
        while (!_stop.IsSet) RunGuarded(write);

        // Commits that were acknowledged before their sync must survive the stop.
        RunGuarded(() =>
        {
            bool written = _writer.Write();
            _writer.Sync();
            if (written) _writer.Mark();
        });
    }

    private void WriteOnce()
    {
        WaitForWork();

        // Lets wire threads that are ready on this core run first, so that this sync covers their commits.
        if (_mode == DurabilityMode.Always) Thread.Yield();
        if (_mode != DurabilityMode.Always && !_signals.IsSyncRequested) _stop.Wait(GatherTime);

        // Read before draining: a later request may cover later commits.
        bool syncWanted = _signals.TakeSyncRequest();
        if (!_writer.Write())
        {
            if (syncWanted && _writer.IsStalled) _signals.RequestSync();
            if (syncWanted || IsSyncDue()) _writer.Sync();
            FailIfStalledTooLong();
            _stop.Wait(FullRetryTime);
            return;
        }
        _stalledSince = 0;
        if (_log.Failure is not null) _stop.Wait();
        else if (syncWanted || IsSyncDue()) _writer.Sync();
    }

    /// <summary>
    /// Fails the store if commits have waited too long for space. Applies to <see cref="DurabilityMode.Always"/> only: in other modes
    /// no call waits for the disk, and acknowledged commits are lost only if they are never written.
    /// </summary>
    private void FailIfStalledTooLong()
    {
        if (_mode != DurabilityMode.Always || !_writer.IsStalled) _stalledSince = 0;
        else if (_stalledSince == 0) _stalledSince = Stopwatch.GetTimestamp();
        else if (Stopwatch.GetElapsedTime(_stalledSince) >= StallTimeMax)
            _log.Fail(DiskFullException.OfStall(StallTimeMax, _writer.FullReason));
    }

    private void RunGuarded(Action action)
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
                _log.Fail(exception as IOException
                    ?? new IOException($"a log thread failed: {exception.GetType().Name}: {exception.Message}", exception));
                return;
            }
            catch (OutOfMemoryException)
            {
                // The waiting calls must fail too, so this is retried until there is memory.
            }
        }
        while (!_stop.Wait(FullRetryTime));
    }

    private void WaitForWork()
    {
        // A write to a full disk is retried even if no other commit arrives.
        if (_writer.FullReason is not null) return;

        bool woken = _signals.WaitForWork(_hasWork, IdleTime());
        _onWoken();
        if (woken || _mode == DurabilityMode.None || _log.HasQueued) return;
        if (_writer.IsUnsynced) _writer.Sync();
        else _writer.Mark();
    }

    /// <summary>Returns the time without commits after which a sync or a mark is due.</summary>
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
            _signals.WaitForSegmentRequest(_files.IsRefusing ? FullRetryTime : Timeout.InfiniteTimeSpan);
            if (_stop.IsSet || _log.Failure is not null) continue;
            RunGuarded(prepare);
        }
    }

    private void PrepareOnce()
    {
        _files.Prepare(_signals.TakeRequestedBytes());
        _log.Progress();
    }
}
