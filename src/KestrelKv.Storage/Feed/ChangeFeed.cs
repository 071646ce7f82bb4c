using System.Collections.Concurrent;
using System.Diagnostics;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Feed;

/// <summary>The feed of a store: the version up to which commits are visible, and the watches.</summary>
/// <remarks>
/// <para>
/// <b>Two kinds of watches.</b> A watch that has caught up is live: one thread, the dispatcher, reads each published commit once and
/// notes it with each live watch whose prefix matches. The cost of a commit therefore does not grow with the number of other watches.
/// All other watches catch up by themselves, from the history in memory or from the log. A live watch returns to catching up if too
/// many notes gather, or if the history no longer has the commits that the dispatcher needs.
/// </para>
/// <para>
/// <b>Locks.</b> <c>_lock</c> protects the set of live watches and the dispatched version. The dispatcher holds it for long; no other
/// thread waits for it. <c>_opening</c> protects the start of the dispatcher. Each watch has a short lock, taken inside <c>_lock</c> or
/// alone. Watches are woken outside of all locks. Committers and the writer of the log take none of them.
/// </para>
/// </remarks>
internal sealed class ChangeFeed : IDisposable
{
    /// <summary>The number of commits that are dispatched before the lock is released for other threads.</summary>
    private const int SliceCommits = 256;

    /// <summary>
    /// The number of woken watches for which the dispatcher pauses one millisecond. Waking watches takes processor time from writers.
    /// The pause lets changes gather, so that each wake delivers more of them.
    /// </summary>
    private const int WatchesPerMillisecond = 10;

    /// <summary>
    /// The number of commits in one dispatch from which the dispatcher pauses one millisecond, however few watches were woken: more
    /// will follow soon.
    /// </summary>
    private const int ManyCommits = 64;

    /// <summary>The maximum pause of the dispatcher, in milliseconds, however many watches were woken.</summary>
    private const int PauseMillisecondsMax = 50;

    /// <summary>The delay before the dispatcher retries after memory has run out.</summary>
    private static readonly TimeSpan OutOfMemoryPause = TimeSpan.FromMilliseconds(100);

    private readonly FeedThreads _threads;
    private readonly Lock _lock = new();
    private readonly Lock _opening = new();
    private readonly WatchTree _live = new();
    private readonly ConcurrentQueue<FeedWatch> _closing = new();
    private readonly List<FeedWatch> _demoted = [];
    private readonly List<FeedWatch> _toWake = [];
    private readonly ManualResetEventSlim _work = new(false, spinCount: 0);
    private HistoryCursor _cursor;
    private Action? _joinThread;
    private long _published;
    private long _dispatched;
    private int _watches;
    private int _idle;
    private int _woken;
    private bool _mustWakeAll;
    private volatile bool _isRecording;
    private volatile bool _isClosed;

    public ChangeFeed(long memoryBytes, IFeedHistory? earlier = null, long published = 0, FeedThreads? threads = null)
    {
        History = new(memoryBytes);
        Earlier = earlier;
        _threads = threads ?? FeedThreads.Default;
        _published = _dispatched = published;
        _cursor = new(History);
    }

    /// <summary>The history in memory: recent commits.</summary>
    public ChangeHistory History { get; }

    /// <summary>The history in the log or the database: earlier commits; null if there is none.</summary>
    public IFeedHistory? Earlier { get; }

    public TaskScheduler Readers => _threads.Readers;

    /// <summary>
    /// Whether commits are recorded in the history in memory. This begins with the first watch, so a store without watches does no work
    /// for it.
    /// </summary>
    public bool IsRecording => _isRecording;

    /// <summary>Whether the store is closed, and no more commits follow.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>The version of the last visible commit.</summary>
    public long Published => Volatile.Read(ref _published);

    /// <summary>The version up to which live watches have been notified.</summary>
    public long Dispatched => Volatile.Read(ref _dispatched);

    public int Watches => Volatile.Read(ref _watches);

    /// <summary>The oldest version from which a watch can begin.</summary>
    public long OldestVersion
    {
        get
        {
            long oldest = Math.Min(History.First, Earlier?.Oldest ?? long.MaxValue);
            return oldest == long.MaxValue ? Published + 1 : oldest;
        }
    }

    /// <summary>Sets the version after which the history in memory begins. Must be called before the first commit is recorded.</summary>
    public void BeginHistory(long last)
    {
        History.BeginAt(last + 1);
        Publish(last);
        Volatile.Write(ref _dispatched, last);
    }

    /// <summary>Opens a watch. <paramref name="last"/> is the version of the last commit.</summary>
    public FeedWatch Watch(in WatchQuery query, long last, Action wake)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(query.From, nameof(query));
        ArgumentNullException.ThrowIfNull(wake);
        lock (_opening)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            _isRecording = true;
            _joinThread ??= _threads.Start(Run);
            long position = query.From == 0 ? Published : query.From - 1;
            var watch = new FeedWatch(this, query.Prefix.ToArray(), position, isFuture: query.From != 0 && position > last, wake);
            Interlocked.Increment(ref _watches);
            return watch;
        }
    }

    /// <summary>Records log records that were written. Called by the writer of the log.</summary>
    public void Append(ReadOnlySpan<byte> logRecords)
    {
        if (!_isRecording) return;
        try
        {
            History.Append(logRecords);
        }
        catch (OutOfMemoryException)
        {
            // The log has these commits, so watches read them from there.
            History.Drop();
        }
    }

    /// <summary>Makes all commits up to a version visible.</summary>
    public void Publish(long version)
    {
        for (long seen; (seen = Published) < version;)
            if (Interlocked.CompareExchange(ref _published, version, seen) == seen) break;
        if (!_isRecording) return;

        WakeDispatcher();
    }

    /// <summary>Wakes the dispatcher if it is idle. Either it sees the preceding change, or this thread sees that it is idle.</summary>
    private void WakeDispatcher()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _idle) != 0) _work.Set();
    }

    /// <summary>
    /// Makes a watch live that has delivered all commits up to a version. Does not wait for the dispatcher: returns false if the watch
    /// has not caught up, or if commits are being dispatched at the moment.
    /// </summary>
    public bool TryStartLive(FeedWatch watch, long position)
    {
        if (!_lock.TryEnter()) return false;
        try
        {
            if (_isClosed || position < _dispatched) return false;
            RemoveLive(watch);
            _live.Add(watch);
            watch.IsListed = true;
            watch.StartLive();
            return true;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>Closes a watch. The dispatcher removes it later, so this does not block.</summary>
    public void Close(FeedWatch watch)
    {
        watch.EndLive();
        Interlocked.Decrement(ref _watches);
        _closing.Enqueue(watch);
        WakeDispatcher();
    }

    /// <summary>
    /// Dispatches published commits, and wakes the matching watches. Returns whether more may have been published. Not thread-safe.
    /// </summary>
    public bool Dispatch()
    {
        // All published commits are dispatched before any watch is woken, so that each is woken once.
        long upTo = Published;
        for (bool more = true; more;)
        {
            lock (_lock)
            {
                while (_closing.TryDequeue(out FeedWatch? closed)) RemoveLive(closed);
                if (_mustWakeAll) WakeAll();
                more = DispatchSlice(upTo);
            }
        }
        // One by one: if memory runs out, the next attempt wakes the remaining watches.
        _woken = _toWake.Count;
        for (; _toWake.Count > 0; _toWake.RemoveAt(_toWake.Count - 1)) _toWake[^1].Wake();
        return Dispatched < Published;
    }

    /// <summary>Stops the dispatcher. The history remains for its readers.</summary>
    public void Dispose()
    {
        _isClosed = true;
        _work.Set();
        Action? join;
        lock (_opening) join = _joinThread;
        join?.Invoke();
    }

    private void Run()
    {
        while (!_isClosed)
        {
            long before = _dispatched;
            bool more = TryDispatch();
            if (_woken > 0) Pause(_dispatched - before);
            if (more) continue;
            _work.Reset();
            Volatile.Write(ref _idle, 1);
            Interlocked.MemoryBarrier();
            if (Published == _dispatched && _closing.IsEmpty && !_isClosed) _work.Wait();
            Volatile.Write(ref _idle, 0);
        }
    }

    private bool TryDispatch()
    {
        try
        {
            return Dispatch();
        }
        catch (OutOfMemoryException)
        {
            // A watch may have missed its wake. The next attempt wakes all.
            _mustWakeAll = true;
            Thread.Sleep(OutOfMemoryPause);
            return true;
        }
    }

    /// <summary>Wakes all live watches, and makes them catch up by themselves.</summary>
    private void WakeAll()
    {
        _live.CopyTo(_toWake);
        foreach (FeedWatch watch in _toWake) RemoveLive(watch);
        _demoted.Clear();
        _mustWakeAll = false;
    }

    /// <summary>Pauses after many wakes or commits, so that changes gather.</summary>
    private void Pause(long commits)
    {
        int milliseconds = Math.Min(_woken / WatchesPerMillisecond, PauseMillisecondsMax);
        if (milliseconds == 0 && commits >= ManyCommits) milliseconds = 1;
        if (milliseconds > 0) Thread.Sleep(milliseconds);
    }

    private bool DispatchSlice(long upTo)
    {
        if (_live.Count == 0)
        {
            _cursor = new(History);
            Volatile.Write(ref _dispatched, upTo);
            return false;
        }
        for (int n = 0; n < SliceCommits && _dispatched < upTo; n++)
        {
            long next = _dispatched + 1;
            bool isPositioned = _cursor.IsPlaced || _cursor.TrySeek(next);
            if (!isPositioned || !_cursor.TryNext(upTo, out HistoryCommit commit) || commit.Version != next)
            {
                DemoteAll(upTo);
                return false;
            }
            NoteMatching(commit);
            Volatile.Write(ref _dispatched, commit.Version);
        }
        RemoveDemoted();
        return _dispatched < upTo;
    }

    private void NoteMatching(in HistoryCommit commit)
    {
        ReadOnlySpan<byte> records = commit.Records;
        while (Record.TryRead(ref records, out Record record))
        {
            if (InternalKey.Is(record.Key)) continue;
            foreach (List<FeedWatch> watches in _live.Matching(record.Key))
            {
                foreach (FeedWatch watch in watches)
                {
                    NoteResult noted = watch.Note(commit.Version, commit.Place);
                    if (noted == NoteResult.NeedsWake) _toWake.Add(watch);
                    else if (noted == NoteResult.Overflow) _demoted.Add(watch);
                }
            }
        }
    }

    /// <summary>
    /// Makes all live watches catch up by themselves, because the next commit is no longer in memory or was not recorded.
    /// </summary>
    private void DemoteAll(long upTo)
    {
        _live.CopyTo(_demoted);
        RemoveDemoted();
        Debug.Assert(_live.Count == 0, "no watch is live");
        _cursor = new(History);
        Volatile.Write(ref _dispatched, upTo);
    }

    private void RemoveDemoted()
    {
        _toWake.EnsureCapacity(_toWake.Count + _demoted.Count);
        foreach (FeedWatch watch in _demoted)
            if (RemoveLive(watch)) _toWake.Add(watch);
        _demoted.Clear();
    }

    /// <summary>Removes a watch from the live ones, if it is one of them. Returns whether it must be woken.</summary>
    private bool RemoveLive(FeedWatch watch)
    {
        if (!watch.IsListed) return false;
        watch.IsListed = false;
        _live.Remove(watch);
        return watch.EndLive();
    }
}
