using System.Diagnostics;
using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Output;
using KestrelKv.Cli.Scanning;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary>Copies the entries with a prefix to another server, and follows their changes until it is interrupted.</summary>
/// <param name="session">The session.</param>
/// <param name="source">The source.</param>
/// <param name="target">The destination.</param>
/// <param name="prefix">The prefix.</param>
/// <param name="endsWhenCaughtUp">Whether the copy ends when the destination has caught up.</param>
/// <param name="compares">Whether both servers are compared even if the destination has a position.</param>
internal sealed class Synchronizer(
    Session session, KestrelKvClient source, SyncTarget target, string prefix, bool endsWhenCaughtUp, bool compares)
{
    private static readonly TimeSpan BookmarkInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan PositionInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    private readonly byte[] _prefix = EntryJson.String(prefix);
    private readonly ProgressDisplay _progress = new(session.Terminal, "keys");
    private readonly CurrentEntries _current = new(source);
    private readonly SyncClaim _claim = new(source, target, compares);
    private readonly SourceHistory _history = new(source, prefix);
    private bool _hasClaimed;
    private long _changes;
    private long _movedAt;
    private bool _wasConsistent;

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            await _progress.RunAsync("sync", () => RunUntilStoppedAsync(stop));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            session.Terminal.Error.WriteLine(target.Position is { Version: >= 0 } position
                ? $"kkv: The destination has the changes up to version {position.Version}. The same command continues there."
                : "kkv: The first copy is incomplete. The same command compares both servers again.");
            throw;
        }
        catch (NotSentException e) when (target.HasWritten)
        {
            throw TransferClient.LostAfterChanges(e);
        }
        session.Report($"The destination has caught up at version {target.Position!.Version}, after {_changes} changes.", json =>
        {
            json.WriteNumber("version", target.Position.Version);
            json.WriteNumber("changes", _changes);
        });
    }

    /// <summary>Follows the source, and begins again from the position in the destination after failures that may pass.</summary>
    private async Task RunUntilStoppedAsync(CancellationToken stop)
    {
        for (bool isCaughtUp = false; !isCaughtUp;)
        {
            try
            {
                if (await target.LoadAsync(stop))
                    throw CommandFailure.Failed(
                        "other_sync", "Another process copies to the same keys of the destination: it has written the position entry");
                if (!_hasClaimed) await _claim.ExecuteAsync(_progress.Report, stop);
                _hasClaimed = true;
                isCaughtUp = await FollowAsync(stop);
            }
            catch (RefusedException e) when (e.Code == "precondition_failed")
            {
                _progress.Report(
                    "The position entry in the destination has changed: the destination has lost its last commits, or another process copies to it.");
            }
            catch (KestrelKvException e) when (
                !endsWhenCaughtUp && e is NotSentException or OutcomeUnknownException or RefusedException { IsTransient: true })
            {
                _progress.Report($"{e.Message.TrimEnd('.')}. The copy continues as soon as possible.");
                await Task.Delay(RetryPause, stop);
            }
        }
    }

    /// <summary>Follows the source.</summary>
    /// <returns>Whether the destination has caught up, and the copy ends then.</returns>
    private async Task<bool> FollowAsync(CancellationToken stop)
    {
        if (target.Position is { Version: >= 0 } position)
        {
            try
            {
                return await FollowFromAsync(position.Version + 1, stop);
            }
            catch (RefusedException e) when (e.IsHistoryLost)
            {
                _progress.Report($"The source has no changes after version {position.Version} ({e.Code}). Both servers are compared again.");
            }
        }
        try
        {
            return await MergeAndFollowAsync(stop);
        }
        catch (RefusedException e) when (e.IsHistoryLost)
        {
            _progress.Report("The source no longer keeps the changes since the comparison of both servers began, or has lost commits in a crash. " +
                "They are compared again. Raise the source's Data:HistoryBytes if this repeats.");
            return false;
        }
    }

    private async Task<bool> MergeAndFollowAsync(CancellationToken stop)
    {
        // A server that keeps its data in memory only keeps changes while there is a watch. This one matches no key.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var begun = new TaskCompletionSource<long>();
        Task anchor = HoldAsync(begun, end.Token);
        try
        {
            if (await Task.WhenAny(anchor, begun.Task) == anchor) await anchor;
            long version = await begun.Task;
            var merge = new SyncMerge(source, target, _history, _prefix, _progress);
            await merge.RunAsync(version, anchor, stop);
            _changes += merge.Changes;
            return await FollowFromAsync(version + 1, stop, onBegun: end.Cancel);
        }
        finally
        {
            // It ends by cancellation. Its failure is thrown above, or after the comparison.
            await end.CancelAsync();
            await anchor.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private async Task HoldAsync(TaskCompletionSource<long> begun, CancellationToken stop)
    {
        await foreach (ReadOnlyMemory<byte> reply in source.WatchUtf8Async(_history.EmptyPrefix, new() { KeysOnly = true }, stop))
            begun.TrySetResult(JsonCursor.NumberOf(reply.Span, "version"u8));
    }

    /// <summary>Applies the changes of the source from a version on.</summary>
    private async Task<bool> FollowFromAsync(long version, CancellationToken stop, Action? onBegun = null)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        IAsyncEnumerator<ReadOnlyMemory<byte>> watch = source.WatchUtf8Async(
            prefix, new() { FromVersion = version, ProgressInterval = BookmarkInterval }, end.Token).GetAsyncEnumerator(CancellationToken.None);
        Task<bool> next = watch.MoveNextAsync().AsTask();
        Task applying = Task.CompletedTask;
        try
        {
            await next;
            onBegun?.Invoke();
            long last = endsWhenCaughtUp ? Math.Max(target.Position!.ConsistentFrom, await ScanPages.LastVersionAsync(source, _prefix, stop))
                : long.MaxValue;
            var groups = new SyncGroups(version - 1);
            next = watch.MoveNextAsync().AsTask();
            while (target.Position!.Version < last)
            {
                if (applying.IsCompleted) await applying;
                if (applying.IsCompleted && groups.Count > 0) applying = ApplyAsync(groups.Dequeue(), groups, stop);
                await (groups.IsFull ? applying : applying.IsCompleted ? next : Task.WhenAny(next, applying));
                if (!next.IsCompleted || groups.IsFull) continue;
                await next;
                groups.Add(watch.Current.Span, MovesPosition(groups));
                next = watch.MoveNextAsync().AsTask();
            }
            return true;
        }
        finally
        {
            // Failures of both are thrown above, unless another one came first.
            await end.CancelAsync();
            await Task.WhenAll(next, applying).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None,
                TaskScheduler.Default);
            await watch.DisposeAsync();
        }
    }

    private async Task ApplyAsync(SyncGroup group, SyncGroups groups, CancellationToken stop)
    {
        // Between the comparison and this version, a crash of the source may have lost a commit whose entry the comparison has copied.
        if (target.Position is { IsConsistent: false } begun && group.Version >= begun.ConsistentFrom)
            await _history.VerifyAsync(begun.ConsistentFrom, stop);
        IReadOnlyList<ByteText> parts = await group.ResolveAsync(_current, stop);
        for (int i = 0; i < parts.Count; i++)
        {
            SyncPosition before = target.Position!;
            await target.ApplyAsync(parts[i], i == parts.Count - 1 ? group.Version : before.Version, before.ConsistentFrom, stop);
        }
        _movedAt = Stopwatch.GetTimestamp();
        _changes += group.Count;
        (_progress.Count, _progress.Bytes) = (_changes, _progress.Bytes + group.Bytes);
        _progress.Note = $"version {group.Version}, {groups.Received - group.Version} versions behind";
        if (_wasConsistent || !target.Position!.IsConsistent) return;
        _wasConsistent = true;
        if (!endsWhenCaughtUp) _progress.Report($"The destination has caught up at version {group.Version}.");
    }

    /// <summary>
    /// Whether a reply without changes moves the position: at once until the destination has caught up, and then now and then, so that the
    /// position does not become older than the history of the source.
    /// </summary>
    private bool MovesPosition(SyncGroups groups) =>
        groups.Count == 0 && (endsWhenCaughtUp || !_wasConsistent || Stopwatch.GetElapsedTime(_movedAt) > PositionInterval);
}
