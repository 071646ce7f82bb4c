using KestrelKv.Cli.Hosting;
using KestrelKv.Cli.Scanning;
using KestrelKv.Client;

namespace KestrelKv.Cli.Transfer.Sync;

/// <summary>The first write of a copy: takes over the position entry, and verifies that the destination has other data than the source.</summary>
/// <remarks>
/// Two names can mean the same data: localhost and 127.0.0.1, or two servers on one database. A copy would then follow its own writes, and
/// replace newer values with older ones. The source then has the entry that was written to the destination.
/// </remarks>
/// <param name="source">The source.</param>
/// <param name="target">The destination.</param>
/// <param name="compares">Whether the position is reset, so that both servers are compared.</param>
internal sealed class SyncClaim(KestrelKvClient source, SyncTarget target, bool compares)
{
    /// <param name="report">Receives a message if the source cannot be verified.</param>
    /// <param name="stop">Cancels the calls.</param>
    /// <exception cref="CommandFailure">With the code <c>same_store</c>: both are the same. The entry was removed.</exception>
    public async Task ExecuteAsync(Action<string> report, CancellationToken stop)
    {
        SyncPosition? before = compares ? null : target.Position;
        await target.ApplyAsync(new ByteText(1), before?.Version ?? SyncPosition.Merging, before?.ConsistentFrom ?? 0, stop);
        Entry<ReadOnlyMemory<byte>> entry = await ReadAsync(report, stop);
        if (!entry.Found || SyncPosition.Parse(entry.Value.Span)?.Writer != target.Writer) return;

        // The destination's user has written the entry, and may remove it.
        await target.Client.DeleteAsync(target.PositionKey, new() { IfVersion = entry.Version }, stop);
        throw CommandFailure.Failed("same_store",
            "The source and the destination are the same server or database under two names, expected --to with other data");
    }

    private async Task<Entry<ReadOnlyMemory<byte>>> ReadAsync(Action<string> report, CancellationToken stop)
    {
        try
        {
            return await source.GetUtf8Async(target.PositionKey, cancellationToken: stop);
        }
        catch (RefusedException e) when (e.Code == "forbidden")
        {
            // The user of the source may have no rights outside the prefix.
            report($"The user of the source cannot read {target.PositionKey}. Whether the destination has the same data remains unknown.");
            return default;
        }
    }
}
