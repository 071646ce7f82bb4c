namespace KestrelKv.Extensions.Caching.Invalidation;

/// <summary>
/// Remembers the versions that this process wrote, so that its own changes do not evict what it has just cached locally. Thread-safe.
/// </summary>
/// <remarks>If in doubt, a write counts as that of another process: a needless eviction costs one read, a missed one leaves a stale value.</remarks>
/// <param name="time">The clock.</param>
internal sealed class OwnWrites(TimeProvider time)
{
    /// <summary>The number of versions that are remembered. A change arrives within milliseconds, unless the watch was disconnected.</summary>
    private const int VersionsMax = 10_000;

    /// <summary>The time for which a change waits for a write of the same key that has not been answered yet.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);

    private static readonly AsyncLocal<bool> Suppressed = new();

    private readonly Lock _lock = new();
    private readonly Dictionary<string, InFlight> _inFlight = new(StringComparer.Ordinal);
    private readonly HashSet<long> _versions = [];
    private readonly Queue<long> _order = [];

    /// <summary>Whether writes of the current asynchronous flow are ignored, because another process has already made them.</summary>
    public static bool AreSuppressed => Suppressed.Value;

    /// <summary>Runs an action whose writes to the distributed cache are ignored.</summary>
    public static async ValueTask SuppressAsync(Func<ValueTask> action)
    {
        // The value ends with this method: a flow does not pass changes to its caller.
        Suppressed.Value = true;
        await action().ConfigureAwait(false);
    }

    /// <summary>Begins a write. The caller ends it.</summary>
    /// <param name="writes">The record; null if none is kept.</param>
    /// <param name="key">The key.</param>
    public static Write Begin(OwnWrites? writes, string key)
    {
        if (writes is null) return default;
        lock (writes._lock)
        {
            if (writes._inFlight.TryGetValue(key, out InFlight? flight)) flight.Count++;
            else writes._inFlight[key] = new();
        }
        return new(writes, key);
    }

    /// <summary>Returns whether this process made a change. Waits for its writes of the key in progress, whose versions are not known yet.</summary>
    public async ValueTask<bool> ContainsAsync(string key, long version)
    {
        Task answered;
        lock (_lock)
        {
            if (_versions.Contains(version)) return true;
            if (!_inFlight.TryGetValue(key, out InFlight? flight)) return false;
            answered = flight.Ended.Task;
        }
        try
        {
            await answered.WaitAsync(AnswerTimeout, time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return false;
        }
        lock (_lock) return _versions.Contains(version);
    }

    private void End(string key, long version)
    {
        lock (_lock)
        {
            if (version > 0 && _versions.Add(version))
            {
                _order.Enqueue(version);
                if (_order.Count > VersionsMax) _versions.Remove(_order.Dequeue());
            }
            InFlight flight = _inFlight[key];
            if (--flight.Count > 0) return;
            _inFlight.Remove(key);
            flight.Ended.SetResult();
        }
    }

    /// <summary>A write in progress.</summary>
    public struct Write(OwnWrites writes, string key)
    {
        /// <summary>The version of the commit; 0 if it is not known, or if there was none.</summary>
        public long Version { get; set; }

        public readonly void End() => writes?.End(key, Version);
    }

    private sealed class InFlight
    {
        public int Count { get; set; } = 1;

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
