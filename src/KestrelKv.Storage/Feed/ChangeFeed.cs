using System.Collections.Concurrent;
using System.Diagnostics;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Feed;

/// <summary>The feed of a store: what may be shown of its commits, and the watches that it is shown to.</summary>
/// <remarks>
/// <para>
/// <b>Two kinds of watches.</b> One that has caught up is live: a thread goes once over each commit that may be shown, and
/// notes it with each live watch that it concerns. So what a commit costs does not grow with the number of watches that it
/// does not concern. All others catch up by themselves, from the history in memory or from the log; a live watch becomes
/// one of them again where too much gathers, or where the thread finds that it comes too late for the history.
/// </para>
/// <para>
/// <b>Locks.</b> One protects which watches are live and how far commits were dispatched. The dispatcher holds it for long; nobody else
/// waits for it. Another protects the start of the dispatcher. Each live watch has a short lock of its own, taken within the first or
/// alone. Watches are woken outside all of them. Committers and the writer of the log take none.
/// </para>
/// </remarks>
internal sealed class ChangeFeed : IDisposable
{
    /// <summary>So many commits are gone over before others get the lock.</summary>
    private const int SliceCommits = 256;

    /// <summary>
    /// To tell watches takes the processors from those who write: so the thread rests for a millisecond for each so many that it
    /// has woken before it wakes others, and more changes are told at once.
    /// </summary>
    private const int WatchesPerMillisecond = 10;

    /// <summary>Where so many commits come at once it rests for a millisecond, however few are woken: more will come soon.</summary>
    private const int ManyCommits = 64;

    /// <summary>However many are woken, the next changes are told after this time.</summary>
    private const int RestMillisecondsMax = 50;

    /// <summary>How long the dispatcher waits before it tries again after memory has run out.</summary>
    private static readonly TimeSpan OutOfMemoryPause = TimeSpan.FromMilliseconds(100);

    private readonly FeedThreads _threads;
    private readonly Lock _lock = new();
    private readonly Lock _opening = new();
    private readonly WatchTree _live = new();
    private readonly ConcurrentQueue<FeedWatch> _unlisted = new();
    private readonly List<FeedWatch> _falling = [];
    private readonly List<FeedWatch> _toWake = [];
    private readonly ManualResetEventSlim _work = new(false, spinCount: 0);
    private HistoryCursor _cursor;
    private Action? _joinThread;
    private long _published;
    private long _dispatched;
    private int _watches;
    private int _idle;
    private int _woken;
    private bool _isInDoubt;
    private volatile bool _isRecording;
    private volatile bool _isClosed;

    /// <param name="memoryBytes">Bytes that the history in memory may take.</param>
    /// <param name="log">The older history; null without a data directory.</param>
    /// <param name="published">The version up to which commits may be shown at first.</param>
    /// <param name="threads">The threads that dispatch commits and read the older history.</param>
    public ChangeFeed(long memoryBytes, LogHistory? log = null, long published = 0, FeedThreads? threads = null)
    {
        History = new(memoryBytes);
        Log = log;
        _threads = threads ?? FeedThreads.Default;
        _published = _dispatched = published;
        _cursor = new(History);
    }

    /// <summary>The recent past.</summary>
    public ChangeHistory History { get; }

    /// <summary>What is further back; null where there is no log.</summary>
    public LogHistory? Log { get; }

    /// <summary>Reads of the older history run here.</summary>
    public TaskScheduler Readers => _threads.Readers;

    /// <summary>
    /// Whether the history is to have what comes: from the first watch on, so that a store without any has nothing to do.
    /// </summary>
    public bool IsRecording => _isRecording;

    /// <summary>Whether the store is closed, and nothing more comes.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>The version of the last commit that may be shown.</summary>
    public long Published => Volatile.Read(ref _published);

    /// <summary>Live watches know of all commits up to this version.</summary>
    public long Dispatched => Volatile.Read(ref _dispatched);

    /// <summary>How many watches there are.</summary>
    public int Watches => Volatile.Read(ref _watches);

    /// <summary>The oldest version from which a feed can begin.</summary>
    public long OldestVersion
    {
        get
        {
            long oldest = Math.Min(History.First, Log?.Oldest ?? long.MaxValue);
            return oldest == long.MaxValue ? Published + 1 : oldest;
        }
    }

    /// <summary>Sets the version after which the history in memory begins. To be called before the first commit is recorded.</summary>
    public void BeginHistory(long last)
    {
        History.BeginAt(last + 1);
        Publish(last);
        Volatile.Write(ref _dispatched, last);
    }

    /// <summary>Opens a watch.</summary>
    /// <param name="query">The prefix, and the first version.</param>
    /// <param name="last">The version of the last commit.</param>
    /// <param name="wake">See <see cref="IKeyValueStore.Watch"/>.</param>
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

    /// <summary>The log has written frames; for who writes it.</summary>
    public void Remember(ReadOnlySpan<byte> frames)
    {
        if (!_isRecording) return;
        try
        {
            History.Append(frames);
        }
        catch (OutOfMemoryException)
        {
            // The log has these commits: watches read them from there.
            History.Drop();
        }
    }

    /// <summary>All commits up to a version may be shown.</summary>
    public void Publish(long version)
    {
        for (long seen; (seen = Published) < version;)
            if (Interlocked.CompareExchange(ref _published, version, seen) == seen) break;
        if (!_isRecording) return;

        WakeDispatcher();
    }

    /// <summary>Either the thread sees what was done before, or this sees that the thread is idle.</summary>
    private void WakeDispatcher()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _idle) != 0) _work.Set();
    }

    /// <summary>Makes a watch live that has handed over all commits up to a version. Does not wait for the dispatcher.</summary>
    /// <returns>False if it has not caught up, or commits are being dispatched at the moment.</returns>
    public bool TryGoLive(FeedWatch watch, long position)
    {
        if (!_lock.TryEnter()) return false;
        try
        {
            if (_isClosed || position < _dispatched) return false;
            Unlist(watch);
            _live.Add(watch);
            watch.IsListed = true;
            watch.GoLive();
            return true;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>Closes a watch. The dispatcher forgets it later: this does not wait for it.</summary>
    public void Leave(FeedWatch watch)
    {
        watch.Fall();
        Interlocked.Decrement(ref _watches);
        _unlisted.Enqueue(watch);
        WakeDispatcher();
    }

    /// <summary>Goes over commits that were published, and wakes the watches that they concern. One caller at a time.</summary>
    /// <returns>Whether there may be more.</returns>
    public bool Dispatch()
    {
        // All that there is first: so that a watch is woken once for it.
        long upTo = Published;
        for (bool more = true; more;)
        {
            lock (_lock)
            {
                while (_unlisted.TryDequeue(out FeedWatch? unlisted)) Unlist(unlisted);
                if (_isInDoubt) WakeAll();
                more = DispatchSlice(upTo);
            }
        }
        // One by one: if memory runs out, the next attempt wakes those that remain.
        _woken = _toWake.Count;
        for (; _toWake.Count > 0; _toWake.RemoveAt(_toWake.Count - 1)) _toWake[^1].Wake();
        return Dispatched < Published;
    }

    /// <summary>Nothing more is shown. The history stays, for who is reading it.</summary>
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
            if (_woken > 0) Rest(_dispatched - before);
            if (more) continue;
            _work.Reset();
            Volatile.Write(ref _idle, 1);
            Interlocked.MemoryBarrier();
            if (Published == _dispatched && _unlisted.IsEmpty && !_isClosed) _work.Wait();
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
            // A watch that was to be woken may not have been. The next attempt wakes all.
            _isInDoubt = true;
            Thread.Sleep(OutOfMemoryPause);
            return true;
        }
    }

    /// <summary>Makes all watches catch up by themselves, and wakes all.</summary>
    private void WakeAll()
    {
        _live.CopyTo(_toWake);
        foreach (FeedWatch watch in _toWake) Unlist(watch);
        _falling.Clear();
        _isInDoubt = false;
    }

    /// <summary>Lets changes gather, where watches were woken and there is much to do.</summary>
    private void Rest(long commits)
    {
        int milliseconds = Math.Min(_woken / WatchesPerMillisecond, RestMillisecondsMax);
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
            bool isPlaced = _cursor.IsPlaced || _cursor.TrySeek(next);
            if (!isPlaced || !_cursor.TryNext(upTo, out HistoryCommit commit) || commit.Version != next)
            {
                FallAll(upTo);
                return false;
            }
            NoteWithThoseConcerned(commit);
            Volatile.Write(ref _dispatched, commit.Version);
        }
        RemoveFallen();
        return _dispatched < upTo;
    }

    private void NoteWithThoseConcerned(in HistoryCommit commit)
    {
        ReadOnlySpan<byte> records = commit.Records;
        while (Record.TryRead(ref records, out Record record))
        {
            if (InternalKey.Is(record.Key)) continue;
            foreach (List<FeedWatch> watches in _live.Matching(record.Key))
            {
                foreach (FeedWatch watch in watches)
                {
                    Noted noted = watch.Note(commit.Version, commit.Place);
                    if (noted == Noted.AndWakes) _toWake.Add(watch);
                    else if (noted == Noted.Overflow) _falling.Add(watch);
                }
            }
        }
    }

    /// <summary>What comes next is no longer in memory, or was not recorded yet: all live watches are to see for themselves.</summary>
    private void FallAll(long upTo)
    {
        _live.CopyTo(_falling);
        RemoveFallen();
        Debug.Assert(_live.Count == 0, "all have fallen");
        _cursor = new(History);
        Volatile.Write(ref _dispatched, upTo);
    }

    private void RemoveFallen()
    {
        _toWake.EnsureCapacity(_toWake.Count + _falling.Count);
        foreach (FeedWatch watch in _falling)
            if (Unlist(watch)) _toWake.Add(watch);
        _falling.Clear();
    }

    /// <summary>Takes a watch from those that are live, if it is one of them.</summary>
    /// <returns>Whether it is to be woken.</returns>
    private bool Unlist(FeedWatch watch)
    {
        if (!watch.IsListed) return false;
        watch.IsListed = false;
        _live.Remove(watch);
        return watch.Fall();
    }
}
