using KestrelKv.Cli.Output;
using KestrelKv.Cli.Scanning;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary>Makes the destination equal to the source: compares the ordered listings of both, and writes what differs.</summary>
internal sealed class SyncMerge(KestrelKvClient source, SyncTarget target, SourceHistory history, byte[] prefix, ProgressDisplay progress)
{
    private ByteText _next = new(256 * 1024);
    private ByteText _sent = new(256 * 1024);
    private int _operations;

    // The newest version that the source has shown.
    private long _newest;
    private Task _call = Task.CompletedTask;

    /// <summary>The number of entries that were written or removed.</summary>
    public long Changes { get; private set; }

    /// <summary>Executes the merge.</summary>
    /// <param name="version">The version of the source from which its changes are watched.</param>
    /// <param name="anchor">The watch that keeps the changes since then.</param>
    /// <param name="stop">Cancels the calls.</param>
    /// <exception cref="RefusedException">With <see cref="RefusedException.IsHistoryLost"/>: the source has lost commits.</exception>
    public async Task RunAsync(long version, Task anchor, CancellationToken stop)
    {
        await target.ApplyAsync(_next, SyncPosition.Merging, 0, stop);
        try
        {
            await CopyAsync(stop);
        }
        finally
        {
            // Its failure is thrown above, unless another one came first.
            await _call.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
        long last = Math.Max(_newest, await ScanPages.LastVersionAsync(source, prefix, stop));

        // A crash may have lost a commit whose entry was copied. The changes after the version would not repair it. The last version is read
        // before, so that a later crash loses it too, and is found when the copy reaches it.
        await history.VerifyAsync(_newest, stop);
        if (anchor.IsFaulted) await anchor;
        await target.ApplyAsync(_sent, version, last, stop);
    }

    private async Task CopyAsync(CancellationToken stop)
    {
        await using var from = new EntryCursor(source, prefix, stop);
        await using var into = new EntryCursor(target.Client, prefix, stop);
        await from.MoveNextAsync();
        await into.MoveNextAsync();
        while (from.HasEntry || into.HasEntry)
        {
            int order = EntryCursor.Compare(from, into);
            if (_operations > 0 && order <= 0 && _next.Length + from.Value.Length > SyncTarget.BytesMax) await SendAsync(stop);
            Add(from, into, order);
            if (_operations == SyncTarget.OperationsMax) await SendAsync(stop);
            if (order <= 0)
            {
                progress.Count++;
                await from.MoveNextAsync();
            }
            if (order >= 0) await into.MoveNextAsync();
        }
        _newest = from.Newest;
        await SendAsync(stop);
        await _call;
        _sent.Clear();
    }

    private void Add(EntryCursor from, EntryCursor into, int order)
    {
        if (order == 0 && from.HasSameContent(into)) return;
        if (order <= 0) BatchText.Put(_next, from.Key, from.Value, from.ExpiresAt);
        else BatchText.Delete(_next, into.Key);
        _operations++;
        Changes++;
    }

    /// <summary>Sends the operations. The next ones are collected while the call is in progress.</summary>
    private async Task SendAsync(CancellationToken stop)
    {
        await _call;
        (_next, _sent) = (_sent, _next);
        _next.Clear();
        progress.Bytes += _sent.Length;
        _call = _operations == 0 ? Task.CompletedTask : target.ApplyAsync(_sent, SyncPosition.Merging, 0, stop);
        _operations = 0;
    }
}
