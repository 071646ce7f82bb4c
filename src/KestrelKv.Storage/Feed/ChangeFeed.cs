using System.Diagnostics;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Embedded;

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
/// <b>Locks.</b> One protects which watches are live and how far commits were gone over. Each live watch has a short one of its own, taken
/// within the former or alone. Watches are woken outside both. Who commits, or writes the log, takes neither.
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

    private readonly Func<long> _last;
    private readonly bool _hasThread;
    private readonly Lock _lock = new();
    private readonly WatchesByPrefix _live = new();
    private readonly List<FeedWatch> _falling = [];
    private readonly List<FeedWatch> _toWake = [];
    private readonly ManualResetEventSlim _work = new(false, spinCount: 0);
    private HistoryCursor _cursor;
    private Thread? _thread;
    private long _published;
    private long _dispatched;
    private int _watches;
    private int _idle;
    private int _woken;
    private volatile bool _isRecording;
    private volatile bool _isClosed;

    /// <param name="memoryBytes">What the history in memory may take.</param>
    /// <param name="log">What is further back; null where there is no log.</param>
    /// <param name="last">Tells the version of the last commit.</param>
    /// <param name="published">The version up to which commits may be shown, as yet.</param>
    /// <param name="hasThread">
    /// Whether a thread of its own goes over the commits; otherwise the caller does, with <see cref="Dispatch"/>.
    /// </param>
    public ChangeFeed(long memoryBytes, LogHistory? log, Func<long> last, long published, bool hasThread = true)
    {
        History = new(memoryBytes);
        Log = log;
        (_last, _hasThread) = (last, hasThread);
        _published = _dispatched = published;
        _cursor = new(History);
    }

    /// <summary>The recent past.</summary>
    public ChangeHistory History { get; }

    /// <summary>What is further back; null where there is no log.</summary>
    public LogHistory? Log { get; }

    /// <summary>Whether work that waits for the disk is done by other threads than the caller's.</summary>
    public bool HasThread => _hasThread;

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

    /// <summary>Opens a watch.</summary>
    public FeedWatch Watch(in WatchQuery query, Action wake)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(query.From, nameof(query));
        ArgumentNullException.ThrowIfNull(wake);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            _isRecording = true;
            if (_hasThread && _thread is null)
            {
                _thread = new Thread(Run) { Name = "kestrelkv feed", IsBackground = true };
                _thread.Start();
            }
            long position = query.From == 0 ? Published : query.From - 1;
            var watch = new FeedWatch(this, query.Prefix.ToArray(), position, isFuture: position > _last(), wake);
            _watches++;
            return watch;
        }
    }

    /// <summary>The log has written frames; for who writes it.</summary>
    public void Remember(ReadOnlySpan<byte> frames)
    {
        if (_isRecording) History.Append(frames);
    }

    /// <summary>All commits up to a version may be shown.</summary>
    public void Publish(long version)
    {
        for (long seen; (seen = Published) < version;)
            if (Interlocked.CompareExchange(ref _published, version, seen) == seen) break;
        if (!_isRecording) return;

        // Either the thread sees what is published, or this sees that it sleeps.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _idle) != 0) _work.Set();
    }

    /// <summary>Makes a watch live that has handed over all up to a version.</summary>
    /// <returns>False where it has not caught up.</returns>
    public bool TryGoLive(FeedWatch watch, long position)
    {
        lock (_lock)
        {
            if (_isClosed || position < _dispatched) return false;
            watch.GoLive();
            _live.Add(watch);
            watch.IsListed = true;
            return true;
        }
    }

    /// <summary>A watch is to catch up by itself.</summary>
    public void Fall(FeedWatch watch)
    {
        lock (_lock) Unlist(watch);
    }

    /// <summary>A watch is given up.</summary>
    public void Leave(FeedWatch watch)
    {
        lock (_lock)
        {
            Unlist(watch);
            _watches--;
        }
    }

    /// <summary>Goes over commits that were published, and wakes the watches that they concern. One caller at a time.</summary>
    /// <returns>Whether there may be more.</returns>
    public bool Dispatch()
    {
        // All that there is first: so that a watch is woken once for it.
        long upTo = Published;
        for (bool more = true; more;)
        {
            lock (_lock) more = DispatchSlice(upTo);
        }
        foreach (FeedWatch watch in _toWake) watch.Wake();
        _woken = _toWake.Count;
        _toWake.Clear();
        return Dispatched < Published;
    }

    /// <summary>Nothing more is shown. The history stays, for who is reading it.</summary>
    public void Dispose()
    {
        _isClosed = true;
        _work.Set();
        Thread? thread;
        lock (_lock) thread = _thread;
        thread?.Join();
    }

    private void Run()
    {
        while (!_isClosed)
        {
            long before = _dispatched;
            bool more = Dispatch();
            if (_woken > 0) Rest(_dispatched - before);
            if (more) continue;
            _work.Reset();
            Volatile.Write(ref _idle, 1);
            Interlocked.MemoryBarrier();
            if (Published == _dispatched && !_isClosed) _work.Wait();
            Volatile.Write(ref _idle, 0);
        }
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
            if (HiddenKey.Is(record.Key)) continue;
            for (int place = 0; _live.TryFind(record.Key, place, out List<FeedWatch>? watches); place++)
            {
                if (watches is null) continue;
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
