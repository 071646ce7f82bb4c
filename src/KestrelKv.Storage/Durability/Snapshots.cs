using System.Diagnostics;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>Takes snapshots while writes go on. The log that they make superfluous is kept for the feed alone, as far as it is.</summary>
/// <remarks>
/// Entries are copied as they are when their turn comes, so that no two need be of the same time. What was committed
/// from the beginning of the copying to its end follows in the same file, as the log has it: made again, it brings all
/// entries to the version at the end. The file has its name once it is whole and synced.
/// </remarks>
internal sealed class Snapshots(
    IDisk disk, SegmentFiles files, KeptSegments kept, Keyspace entries, WriteAheadLog log, TimeProvider time)
{
    /// <summary>What is copied, compressed and written at a time.</summary>
    private const int ChunkBytes = 256 * 1024;

    private const string UnfinishedName = "snapshot" + FileNames.Unfinished;

    private SnapshotInfo? _last;

    /// <summary>The newest.</summary>
    public SnapshotInfo? Last
    {
        get => Volatile.Read(ref _last);
        set => Volatile.Write(ref _last, value);
    }

    /// <summary>Takes one. One at a time.</summary>
    /// <param name="sync">Returns when a version is durable, or throws.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    /// <exception cref="IOException">It could not be written. Nothing is left of it.</exception>
    public SnapshotInfo Take(Action<long> sync, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        (long begin, long segment) = log.Position();
        DeleteIfThere(UnfinishedName);
        IDiskFile file = disk.Create(UnfinishedName);
        try
        {
            long bytes;
            SnapshotEnd end;
            using (file)
            {
                var writer = new SnapshotWriter(file, new FileHeader(FileKind.Snapshot, files.Store, begin));
                long count = CopyEntries(writer, cancellationToken);
                (long version, long nextSegment) = log.Position();
                sync(version);
                CopyCommits(writer, segment, begin, version, cancellationToken);
                end = new SnapshotEnd(version, count, nextSegment, time.GetUtcNow().ToUnixTimeMilliseconds());
                writer.Finish(end);
                bytes = writer.Bytes;
            }
            disk.Rename(UnfinishedName, FileNames.OfSnapshot(end.Version));
            disk.SyncNames();
            Last = new SnapshotInfo(end.Version, DateTimeOffset.FromUnixTimeMilliseconds(end.At), Stopwatch.GetElapsedTime(start), bytes);
            files.Forget(end.Segment);
            kept.Release(end.Segment);
            kept.Trim();
            DeleteOlder(disk, end.Version);
            return Last;
        }
        catch (Exception e) when (e is IOException or DataException or OperationCanceledException)
        {
            DeleteIfThere(UnfinishedName);
            throw;
        }
    }

    /// <summary>Deletes the snapshots before one.</summary>
    public static void DeleteOlder(IDisk disk, long newest)
    {
        foreach (long version in FileNames.Snapshots(disk.List()))
            if (version < newest) disk.Delete(FileNames.OfSnapshot(version));
        disk.SyncNames();
    }

    private long CopyEntries(SnapshotWriter writer, CancellationToken cancellationToken) => entries.CopyEntries(ChunkBytes, chunk =>
    {
        cancellationToken.ThrowIfCancellationRequested();
        writer.WriteEntries(chunk);

        // Where this shares a core with those who serve, a sync, and what waits for it, would have to wait for its time slices.
        Thread.Yield();
    });

    /// <summary>Copies the commits after one version up to another, all of which are on disk.</summary>
    private void CopyCommits(SnapshotWriter writer, long segment, long after, long upTo, CancellationToken cancellationToken)
    {
        for (long last = after; last < upTo; segment++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string name = FileNames.OfSegment(segment);
            using IDiskFile file = disk.Open(name);
            var scanner = new FrameScanner(file, FileHeader.Read(file, name, FileKind.Segment).Checksum);
            while (last < upTo && scanner.Next(out FrameHeader frame, out ReadOnlySpan<byte> payload) == Scan.Frame && frame.Kind != FrameKind.SegmentEnd)
            {
                if (frame.Kind != FrameKind.Commit || frame.Number <= after) continue;
                if (frame.Number != ++last) throw new IOException($"{name}: commit {frame.Number} where {last} was expected");
                writer.WriteCommit(frame.Number, payload);
            }
        }
    }

    private void DeleteIfThere(string name)
    {
        if (disk.List().Contains(name)) disk.Delete(name);
    }
}
