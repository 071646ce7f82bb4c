using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client.Connections;
using KestrelKv.Client.Replies;
using KestrelKv.Client.Requests;
using KestrelKv.Client.Watching;

namespace KestrelKv.Client;

public sealed partial class KestrelKvClient
{
    // The interval of bookmarks until a snapshot is complete, the shortest that the server permits.
    private static readonly TimeSpan CatchUpInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>Reports the changes of entries, in commit order, each exactly once.</summary>
    /// <remarks>
    /// If the connection breaks, the watch reconnects and continues after the last change, without gap and repetition, for as long as the
    /// caller enumerates. Each watch has its own connection. A caller that enumerates slowly falls behind, and continues from the server's history.
    /// </remarks>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <exception cref="HistoryCompactedException">The next changes are no longer kept: the watch would have a gap.</exception>
    /// <exception cref="RefusedException">The server refused the watch, such as for lack of a right.</exception>
    /// <exception cref="JsonException">A value cannot be converted to <typeparamref name="T"/>.</exception>
    [OverloadResolutionPriority(1)]
    public IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        string prefix, WatchOptions options = default, CancellationToken cancellationToken = default) =>
        WatchAsync(prefix, TypeOf<T>(), options, cancellationToken);

    /// <inheritdoc cref="WatchAsync{T}(string, WatchOptions, CancellationToken)"/>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="type">How the values are converted.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    public IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        string prefix, JsonTypeInfo<T> type, WatchOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(type);
        RequestText.CheckText(prefix, _options, nameof(prefix), nameof(prefix));
        if (options.FromVersion < 0) throw ArgumentError.OfOptions($"FromVersion is {options.FromVersion}, expected 0 or more.");
        return UntilDisposedAsync(stop => ReadChangesAsync(prefix, type, options, options.ProgressInterval, stop), cancellationToken);
    }

    /// <summary>
    /// Reports all entries, then their changes: <see cref="WatchEventKind.Reset"/>, a <see cref="WatchEventKind.Put"/> for each entry,
    /// <see cref="WatchEventKind.CaughtUp"/>, and from then on all changes.
    /// </summary>
    /// <remarks>
    /// Changes that happen while the snapshot is read are reported before <see cref="WatchEventKind.CaughtUp"/>. If the server no longer keeps the
    /// next changes, or has other data than before, the sequence begins again with a reset.
    /// </remarks>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="options">The options, without <see cref="WatchOptions.FromVersion"/>.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <exception cref="RefusedException">The server refused the watch, such as for lack of a right.</exception>
    /// <exception cref="JsonException">A value cannot be converted to <typeparamref name="T"/>.</exception>
    [OverloadResolutionPriority(1)]
    public IAsyncEnumerable<WatchEvent<T>> SnapshotThenWatchAsync<T>(
        string prefix, WatchOptions options = default, CancellationToken cancellationToken = default) =>
        SnapshotThenWatchAsync(prefix, TypeOf<T>(), options, cancellationToken);

    /// <inheritdoc cref="SnapshotThenWatchAsync{T}(string, WatchOptions, CancellationToken)"/>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="type">How the values are converted.</param>
    /// <param name="options">The options, without <see cref="WatchOptions.FromVersion"/>.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    public IAsyncEnumerable<WatchEvent<T>> SnapshotThenWatchAsync<T>(
        string prefix, JsonTypeInfo<T> type, WatchOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(type);
        RequestText.CheckText(prefix, _options, nameof(prefix), nameof(prefix));
        ArgumentError.ThrowIfUnused(options.FromVersion is not null, nameof(options.FromVersion), nameof(SnapshotThenWatchAsync));
        return UntilDisposedAsync(stop => ReadSnapshotThenChangesAsync(prefix, type, options, stop), cancellationToken);
    }

    /// <summary>
    /// Reports the changes of entries as <see cref="WatchAsync{T}(string, WatchOptions, CancellationToken)"/> does, but as the server's JSON text,
    /// which is not parsed. For programs that copy keys and values byte for byte.
    /// </summary>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="options">The options. Progress is always reported.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <returns>
    /// The inner response of each reply, <c>{"watch": 1, "version": 11, "changes": [...]}</c>: see WATCH in PROTOCOL.md. The text is valid until the
    /// next one is requested. A text without changes reports progress: also the first one, and the first one after each reconnection.
    /// </returns>
    /// <exception cref="HistoryCompactedException">The next changes are no longer kept: the watch would have a gap.</exception>
    /// <exception cref="RefusedException">The server refused the watch, such as for lack of a right.</exception>
    public IAsyncEnumerable<ReadOnlyMemory<byte>> WatchUtf8Async(
        string prefix, WatchOptions options = default, CancellationToken cancellationToken = default)
    {
        RequestText.CheckText(prefix, _options, nameof(prefix), nameof(prefix));
        if (options.FromVersion < 0) throw ArgumentError.OfOptions($"FromVersion is {options.FromVersion}, expected 0 or more.");
        return UntilDisposedAsync(stop => ReadWatchAsync(prefix, options, stop), cancellationToken);
    }

    /// <summary>Reports the events of a watch until the client is disposed of.</summary>
    private async IAsyncEnumerable<TEvent> UntilDisposedAsync<TEvent>(
        Func<CancellationToken, IAsyncEnumerable<TEvent>> watch, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposed.Token);
        IAsyncEnumerator<TEvent> events = watch(stop.Token).GetAsyncEnumerator(stop.Token);
        await using (events.ConfigureAwait(false))
            while (await MovesNextAsync().ConfigureAwait(false)) yield return events.Current;

        async ValueTask<bool> MovesNextAsync()
        {
            try
            {
                return await events.MoveNextAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_disposed.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw NotSentException.Disposed();
            }
        }
    }

    private async IAsyncEnumerable<WatchEvent<T>> ReadSnapshotThenChangesAsync<T>(
        string prefix, JsonTypeInfo<T> type, WatchOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var backoff = new Backoff(_options.ReconnectDelayMax);
        while (true)
        {
            var snapshot = new SnapshotVersions();
            // A server that keeps its data in memory only keeps changes while there is a watch. This one matches no key of the snapshot.
            WatchStream anchor = (await OpenWatchAsync(prefix + "\uffff\uffff", null, values: false, progressInterval: null, backoff, cancellationToken).ConfigureAwait(false)).Stream;
            await using (anchor.ConfigureAwait(false))
            {
                yield return new(WatchEventKind.Reset, "", default, 0, null);
                string? after = null;
                do
                {
                    var page = new ScanRequest<T>(
                        prefix, after, limit: 100, options.KeysOnly ? null : type, delimiter: null, default, waits: true);
                    ScanPage<T> read = await ReadPageAsync(page, cancellationToken).ConfigureAwait(false);
                    snapshot.AddPage(read.Version);
                    foreach (ScanItem<T> item in read.Items)
                    {
                        snapshot.Add(item.Entry.Key, item.Entry.Version);
                        yield return new(WatchEventKind.Put, item.Entry.Key, item.Entry.Value, item.Entry.Version, item.Entry.ExpiresAt);
                    }
                    after = read.Next;
                }
                while (after is not null);

                // An entry that was removed before its page was read is missing, whatever the versions of the others.
                var last = new ScanRequest<T>(prefix, null, limit: 1, type: null, delimiter: null, default, waits: true);
                snapshot.End((await ReadPageAsync(last, cancellationToken).ConfigureAwait(false)).Version);
            }

            long next = snapshot.Version + 1;
            bool isCaughtUp = false, isComplete = true;
            while (isComplete)
            {
                // If nothing under the prefix changes any more, only a bookmark reports that the end of the snapshot is reached.
                bool isQuick = !isCaughtUp && snapshot.LastVersion > snapshot.Version;
                IAsyncEnumerator<WatchEvent<T>> changes = ReadChangesAsync(
                    prefix, type, options with { FromVersion = next, ReportProgress = true }, isQuick ? CatchUpInterval : null, cancellationToken)
                    .GetAsyncEnumerator(cancellationToken);
                await using (changes.ConfigureAwait(false))
                {
                    while (isComplete = await MovesNextAsync(changes).ConfigureAwait(false))
                    {
                        WatchEvent<T> change = changes.Current;
                        if (!isCaughtUp && snapshot.IsCompleteAt(change))
                        {
                            isCaughtUp = true;
                            backoff.Reset();
                            yield return new(WatchEventKind.CaughtUp, "", default, snapshot.LastVersion, null);
                        }
                        if (change.Kind == WatchEventKind.Progress ? options.ReportProgress && isCaughtUp : !snapshot.Contains(change)) yield return change;
                        if (change.Kind != WatchEventKind.Progress || !isCaughtUp || !isQuick) continue;
                        next = change.Version + 1;
                        break;
                    }
                }
            }
        }

        // Returns false if the server no longer keeps the next changes, or has other data than before, with lower versions.
        static async ValueTask<bool> MovesNextAsync(IAsyncEnumerator<WatchEvent<T>> changes)
        {
            try
            {
                return await changes.MoveNextAsync().ConfigureAwait(false);
            }
            catch (RefusedException e) when (e.IsHistoryLost)
            {
                return false;
            }
        }
    }

    /// <summary>Keeps a copy of all entries with a prefix in memory, which follows their changes.</summary>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="cancellationToken">Cancels the wait for the first complete copy.</param>
    /// <returns>The copy, once it is complete. The caller disposes of it.</returns>
    /// <exception cref="RefusedException">The server refused the watch, such as for lack of a right.</exception>
    /// <exception cref="JsonException">A value cannot be converted to <typeparamref name="T"/>.</exception>
    [OverloadResolutionPriority(1)]
    public Task<Mirror<T>> MirrorAsync<T>(string prefix, CancellationToken cancellationToken = default) =>
        MirrorAsync(prefix, TypeOf<T>(), cancellationToken);

    /// <inheritdoc cref="MirrorAsync{T}(string, CancellationToken)"/>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="type">How the values are converted.</param>
    /// <param name="cancellationToken">Cancels the wait for the first complete copy.</param>
    public Task<Mirror<T>> MirrorAsync<T>(string prefix, JsonTypeInfo<T> type, CancellationToken cancellationToken = default) =>
        Mirror<T>.StartAsync(stop => SnapshotThenWatchAsync(prefix, type, new() { ReportProgress = true }, stop), cancellationToken);

    private async IAsyncEnumerable<WatchEvent<T>> ReadChangesAsync<T>(
        string prefix, JsonTypeInfo<T> type, WatchOptions options, TimeSpan? progressInterval, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long? next = options.FromVersion;
        var backoff = new Backoff(_options.ReconnectDelayMax);
        while (true)
        {
            (WatchStream stream, long version) = await OpenWatchAsync(prefix, next, !options.KeysOnly, progressInterval, backoff, cancellationToken).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                next ??= version + 1;
                if (options.ReportProgress) yield return new(WatchEventKind.Progress, "", default, version, null);
                while (await TryReadAsync(stream, cancellationToken).ConfigureAwait(false) is { } response)
                {
                    backoff.Reset();
                    (List<WatchEvent<T>> changes, version) = ParseChanges(response.Span, type, options.KeysOnly);
                    foreach (WatchEvent<T> change in changes) yield return change;
                    next = version + 1;
                    if (options.ReportProgress) yield return new(WatchEventKind.Progress, "", default, version, null);
                }
            }
        }
    }

    private async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadWatchAsync(
        string prefix, WatchOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long? next = options.FromVersion;
        var backoff = new Backoff(_options.ReconnectDelayMax);
        while (true)
        {
            (WatchStream stream, long version) =
                await OpenWatchAsync(prefix, next, !options.KeysOnly, options.ProgressInterval, backoff, cancellationToken).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                next ??= version + 1;
                yield return stream.First;
                while (await TryReadAsync(stream, cancellationToken).ConfigureAwait(false) is { } response)
                {
                    backoff.Reset();
                    long reported = WatchStream.VersionOf(response.Span);
                    yield return response;
                    next = reported + 1;
                }
            }
        }
    }

    /// <summary>Reads a reply. Returns null if the connection broke.</summary>
    private static async ValueTask<ReadOnlyMemory<byte>?> TryReadAsync(WatchStream stream, CancellationToken cancellationToken)
    {
        try
        {
            return await stream.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (IsTransient(e))
        {
            return null;
        }
    }

    /// <summary>Opens a watch, with as many attempts as necessary.</summary>
    private Task<(WatchStream Stream, long Version)> OpenWatchAsync(
        string prefix, long? fromVersion, bool values, TimeSpan? progressInterval, Backoff backoff, CancellationToken cancellationToken) =>
        RepeatAsync(
            () => WatchStream.OpenAsync(
                _connector, _options, prefix, fromVersion, values, progressInterval ?? _options.ProgressInterval, cancellationToken),
            backoff, cancellationToken);

    /// <summary>Reads a page, with as many attempts as necessary.</summary>
    private Task<ScanPage<T>> ReadPageAsync<T>(ScanRequest<T> page, CancellationToken cancellationToken) => RepeatAsync(
        () => CallAsync<ScanRequest<T>, ScanPage<T>>(page, cancellationToken).AsTask(), new(_options.ReconnectDelayMax), cancellationToken);

    private async Task<T> RepeatAsync<T>(Func<Task<T>> attempt, Backoff backoff, CancellationToken cancellationToken)
    {
        while (true)
        {
            TimeSpan pause = backoff.Next();
            if (pause > TimeSpan.Zero) await Task.Delay(pause, _options.Time, cancellationToken).ConfigureAwait(false);
            try
            {
                return await attempt().ConfigureAwait(false);
            }
            catch (Exception e) when (IsTransient(e))
            {
                // The next attempt follows.
            }
        }
    }

    /// <summary>Whether a watch continues on another connection.</summary>
    private static bool IsTransient(Exception error) => error switch
    {
        OutcomeUnknownException { Code: not null } => true, // disk_failed: a later watch may succeed.
        // The next connection authenticates with the current secret. If there is no valid one, it fails with auth_failed.
        RefusedException refused => refused.IsTransient || refused.Code == "auth_revoked",
        IOException or System.Net.Sockets.SocketException or ObjectDisposedException => true,
        _ => false,
    };

    private static (List<WatchEvent<T>> Changes, long Version) ParseChanges<T>(ReadOnlySpan<byte> response, JsonTypeInfo<T> type, bool keysOnly)
    {
        var changes = new List<WatchEvent<T>>();
        var reader = new EntriesReader(response);
        while (reader.TryRead(out EntryText change))
        {
            WatchEventKind kind = change.Kind switch
            {
                var k when k.SequenceEqual("\"put\""u8) => WatchEventKind.Put,
                var k when k.SequenceEqual("\"set_expiry\""u8) => WatchEventKind.SetExpiry,
                var k when k.SequenceEqual("\"expire\""u8) => WatchEventKind.Expire,
                var k when k.SequenceEqual("\"evict\""u8) => WatchEventKind.Evict,
                _ => WatchEventKind.Delete,
            };
            T? value = kind == WatchEventKind.Put && !keysOnly ? JsonSerializer.Deserialize(change.Value, type) : default;
            changes.Add(new(kind, EntryText.Text(change.Key), value, change.Version, change.ExpiresAt));
        }
        return (changes, reader.Version);
    }
}
