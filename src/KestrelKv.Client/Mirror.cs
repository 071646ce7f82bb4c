using System.Collections;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace KestrelKv.Client;

/// <summary>A copy of all entries with a prefix, in memory, which follows their changes. Reads are local and never wait. Thread-safe.</summary>
/// <remarks>
/// The copy is consistent whenever <see cref="Version"/> changes: it has all changes up to that version. Entries that expire are removed when
/// the server reports it. If the server no longer keeps the next changes, a new copy replaces the old one once it is complete.
/// </remarks>
/// <typeparam name="T">The type of the values.</typeparam>
[SuppressMessage("Naming", "CA1710", Justification = "It is a copy of a part of the store. That it is a dictionary is secondary.")]
public sealed class Mirror<T> : IReadOnlyDictionary<string, Entry<T>>, IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly List<(long Version, TaskCompletionSource Reached)> _waiting = [];
    private ConcurrentDictionary<string, Entry<T>> _entries = new();
    private long _version;

    private Mirror()
    {
    }

    /// <summary>The version up to which the copy has all changes.</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>Completes when the mirror stops: with an error if the server refuses the watch or a value cannot be converted, otherwise after <see cref="DisposeAsync"/>.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <inheritdoc/>
    public int Count => _entries.Count;

    /// <inheritdoc/>
    public IEnumerable<string> Keys => _entries.Keys;

    /// <inheritdoc/>
    public IEnumerable<Entry<T>> Values => _entries.Values;

    /// <inheritdoc/>
    public Entry<T> this[string key] => _entries[key];

    /// <inheritdoc/>
    public bool ContainsKey(string key) => _entries.ContainsKey(key);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out Entry<T> value) => _entries.TryGetValue(key, out value);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, Entry<T>>> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Completes when the copy has all changes up to a version, such as that of the caller's own write (<see cref="WriteResult.Version"/>).</summary>
    /// <param name="version">The version.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="InvalidOperationException">The mirror has stopped.</exception>
    public async Task WaitForVersionAsync(long version, CancellationToken cancellationToken = default)
    {
        TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_version >= version) return;
            _waiting.Add((version, reached));
        }
        try
        {
            await Task.WhenAny(reached.Task, Completion).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // A wait that ends early must remain neither in the list nor among the continuations of Completion.
            if (reached.TrySetCanceled(CancellationToken.None)) lock (_lock) _waiting.Remove((version, reached));
        }
        if (!reached.Task.IsCompletedSuccessfully) throw new InvalidOperationException("The mirror has stopped.", Completion.Exception?.InnerException);
    }

    /// <summary>Stops following changes. The copy remains readable.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>The number of waits for a version that is not reached.</summary>
    internal int Waits
    {
        get
        {
            lock (_lock) return _waiting.Count;
        }
    }

    internal static async Task<Mirror<T>> StartAsync(
        Func<CancellationToken, IAsyncEnumerable<WatchEvent<T>>> watch, CancellationToken cancellationToken)
    {
        var mirror = new Mirror<T>();
        mirror.Completion = mirror.FollowAsync(watch(mirror._stop.Token));
        try
        {
            await (await Task.WhenAny(mirror._complete.Task, mirror.Completion).WaitAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
            return mirror;
        }
        catch
        {
            await mirror.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task FollowAsync(IAsyncEnumerable<WatchEvent<T>> events)
    {
        // While a snapshot is read, readers keep the previous copy.
        ConcurrentDictionary<string, Entry<T>> entries = _entries;
        try
        {
            await foreach (WatchEvent<T> change in events.ConfigureAwait(false))
            {
                switch (change.Kind)
                {
                    case WatchEventKind.Reset:
                        entries = new();
                        break;
                    case WatchEventKind.Put:
                        entries[change.Key] = new(change.Key, true, change.Value, change.Version, change.ExpiresAt);
                        break;
                    case WatchEventKind.SetExpiry:
                        if (entries.TryGetValue(change.Key, out Entry<T> entry))
                            entries[change.Key] = entry with { Version = change.Version, ExpiresAt = change.ExpiresAt };
                        break;
                    case WatchEventKind.CaughtUp:
                        _entries = entries;
                        Reach(change.Version);
                        _complete.TrySetResult();
                        break;
                    case WatchEventKind.Progress:
                        Reach(change.Version);
                        break;
                    default:
                        entries.TryRemove(change.Key, out _);
                        break;
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Disposed.
        }
    }

    private void Reach(long version)
    {
        lock (_lock)
        {
            _version = version;
            foreach ((long wanted, TaskCompletionSource reached) in _waiting)
                if (wanted <= version) reached.TrySetResult();
            _waiting.RemoveAll(waiter => waiter.Version <= version);
        }
    }
}
