using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Durability;

/// <summary>The calls that wait until a version is durable.</summary>
/// <remarks>
/// <para>
/// A <see cref="Wait"/> is idle (in <c>_idle</c>) until <see cref="Start"/> makes it wait (in <c>_waiting</c>).
/// <see cref="Complete"/> or <see cref="Fail"/> takes and completes it. When its call has read the result, it is idle again, so
/// waiting allocates nothing. The lock protects these lists and the failure. <c>Complete</c> sets the durable version before it
/// takes the lock, so no wait for that version is added later and missed.
/// </para>
/// <para>
/// The log thread calls <c>Complete</c>; any thread may call <c>Fail</c>. Calls do not continue on these threads. The thread gathers
/// the waits that have a continuation, and a <see cref="Group"/> continues them on the thread pool, one by one. A wait that
/// completes before its call awaits it has no continuation and wakes no thread.
/// </para>
/// </remarks>
internal sealed class DurableWaits
{
    /// <summary>
    /// The minimum number of calls that one pool thread continues, one by one. Waking another thread for fewer does not pay off.
    /// </summary>
    private const int GroupWaitsMin = 16;

    /// <summary>The delay between attempts to fail a call while memory is exhausted.</summary>
    private static readonly TimeSpan MemoryRetryTime = TimeSpan.FromMilliseconds(100);

    private readonly Stack<Wait> _idle = [];
    private readonly Stack<Group> _idleGroups = [];
    private ShortLock _lock;
    private readonly List<Wait> _waiting = [];

    /// <summary>
    /// Used by <see cref="Complete"/> only. <see cref="Fail"/> may run at the same time on any thread, so it has its own lists.
    /// </summary>
    private readonly List<Wait> _completing = [];
    private readonly List<Wait> _continuing = [];

    /// <summary>The list for waits with a continuation while this thread completes waits; otherwise null.</summary>
    [ThreadStatic]
    private static List<Wait>? _gathering;

    private long _durable;
    private Exception? _failure;

    public DurableWaits(long durable) => _durable = durable;

    /// <summary>The version of the last commit that is durable.</summary>
    public long Durable => Volatile.Read(ref _durable);

    /// <summary>Completes with a result when a version is durable. Fails if the disk has failed.</summary>
    public ValueTask<int> For(long version, int result) =>
        version > Durable && Start(version, result) is { } wait ? new(wait, wait.Token) : new(result);

    /// <inheritdoc cref="For(long, int)"/>
    public ValueTask<bool> For(long version, bool result) =>
        version > Durable && Start(version, result ? 1 : 0) is { } wait ? new(wait, wait.Token) : new(result);

    /// <summary>Marks all commits up to a version as durable. Not thread-safe.</summary>
    public void Complete(long version)
    {
        Volatile.Write(ref _durable, version);
        Take(version, _completing);
        CompleteAll(_completing, _continuing, null);
        _completing.Clear();
        _continuing.Clear();
    }

    /// <summary>Fails all waits, now and later, because no further commit becomes durable.</summary>
    public void Fail(Exception failure)
    {
        _lock.Enter();
        _failure = failure;
        _lock.Exit();
        List<Wait> failing = [];
        Take(long.MaxValue, failing);
        CompleteAll(failing, [], failure);
    }

    private static Exception Lost(Exception failure) =>
        failure is ObjectDisposedException ? failure : new DurabilityLostException($"the disk failed: {failure.Message}");

    private Wait? Start(long version, int result)
    {
        _lock.Enter();
        try
        {
            // Checked under the lock, because Complete sets the version before it takes the lock.
            if (version <= Durable) return null;
            Wait wait = _idle.TryPop(out Wait? idle) ? idle : new Wait(this);
            wait.Start(version, result);
            if (_failure is null) _waiting.Add(wait);
            else wait.Fail(Lost(_failure));
            return wait;
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>Removes the waits for versions up to this one from the list. If memory runs out, all remain in the list.</summary>
    private void Take(long version, List<Wait> to)
    {
        _lock.Enter();
        try
        {
            List<Wait> all = _waiting;
            to.EnsureCapacity(all.Count);
            int kept = 0;
            for (int i = 0; i < all.Count; i++)
            {
                if (all[i].Version <= version) to.Add(all[i]);
                else all[kept++] = all[i];
            }
            all.RemoveRange(kept, all.Count - kept);
        }
        finally
        {
            _lock.Exit();
        }
    }

    /// <summary>Completes waits. Their calls continue on the thread pool, not on the thread that syncs or fails.</summary>
    private void CompleteAll(List<Wait> waits, List<Wait> continuing, Exception? failure)
    {
        try
        {
            continuing.EnsureCapacity(waits.Count);
            _gathering = continuing;
        }
        catch (OutOfMemoryException)
        {
            // Each call then continues on this thread: slower, but none is lost.
        }
        foreach (Wait wait in waits)
        {
            if (failure is null) wait.Complete();
            else FailCall(wait, failure);
        }
        _gathering = null;

        int size = Math.Max(GroupWaitsMin, (continuing.Count + Environment.ProcessorCount - 1) / Environment.ProcessorCount);
        for (int start = 0; start < continuing.Count; start += size)
            Resume(CollectionsMarshal.AsSpan(continuing).Slice(start, Math.Min(size, continuing.Count - start)));
    }

    private static void FailCall(Wait wait, Exception failure)
    {
        while (true)
        {
            try
            {
                wait.Fail(Lost(failure));
                return;
            }
            catch (OutOfMemoryException)
            {
                // No other thread completes this call.
                Thread.Sleep(MemoryRetryTime);
            }
        }
    }

    private void Resume(ReadOnlySpan<Wait> waits)
    {
        Group? group = null;
        try
        {
            _lock.Enter();
            bool isIdle = _idleGroups.TryPop(out group);
            _lock.Exit();
            if (!isIdle) group = new Group(this);
            group!.Waits.AddRange(waits);
            ThreadPool.UnsafeQueueUserWorkItem(group, preferLocal: false);
        }
        catch (OutOfMemoryException)
        {
            foreach (Wait wait in waits) wait.Continue();
        }
    }

    private void Return<T>(Stack<T> idle, T item)
    {
        _lock.Enter();
        try
        {
            idle.Push(item);
        }
        catch (OutOfMemoryException)
        {
            // The item is left to the garbage collector.
        }
        finally
        {
            _lock.Exit();
        }
    }

    private sealed class Group(DurableWaits owner) : IThreadPoolWorkItem
    {
        public List<Wait> Waits { get; } = [];

        public void Execute()
        {
            foreach (Wait wait in Waits) wait.Continue();
            Waits.Clear();
            owner.Return(owner._idleGroups, this);
        }
    }

    private sealed class Wait(DurableWaits owner) : IValueTaskSource<int>, IValueTaskSource<bool>
    {
        private ManualResetValueTaskSourceCore<int> _core;
        private Action<object?>? _continuation;
        private object? _state;
        private int _result;

        public long Version { get; private set; }

        public short Token => _core.Version;

        public void Start(long version, int result) => (Version, _result) = (version, result);

        public void Complete() => _core.SetResult(_result);

        public void Fail(Exception e) => _core.SetException(e);

        public void Continue()
        {
            (Action<object?> continuation, object? state) = (_continuation!, _state);
            (_continuation, _state) = (null, null);
            continuation(state);
        }

        public int GetResult(short token)
        {
            // Throws if the result is read twice: the wait may belong to another call by then.
            _core.GetStatus(token);
            try
            {
                return _core.GetResult(token);
            }
            finally
            {
                _core.Reset();
                owner.Return(owner._idle, this);
            }
        }

        bool IValueTaskSource<bool>.GetResult(short token) => GetResult(token) != 0;

        public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        {
            (_continuation, _state) = (continuation, state);
            _core.OnCompleted(static wait => ((Wait)wait!).OnCompleted(), this, token, flags);
        }

        private void OnCompleted()
        {
            if (_gathering is { } gathering) gathering.Add(this);
            else Continue();
        }
    }
}
