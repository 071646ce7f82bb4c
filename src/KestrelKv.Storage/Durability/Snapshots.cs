using System.Diagnostics;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>
/// Takes snapshots while writes continue. The log before a snapshot is then retained for the feed only, within the limits of history.
/// </summary>
/// <remarks>
/// Entries may be copied at different points in time. The commits from the beginning to the end of the copying follow in the same file.
/// Their replay brings all entries to the version of the end. The file gets its final name when it is complete and synced.
/// </remarks>
internal sealed class Snapshots(
    IDisk disk, SegmentFiles files, RetainedSegments kept, Keyspace entries, WriteAheadLog log, TimeProvider time)
{
    private const string UnfinishedName = "snapshot" + FileNames.Unfinished;

    private SnapshotInfo? _last;

    public SnapshotInfo? Last
    {
        get => Volatile.Read(ref _last);
        set => Volatile.Write(ref _last, value);
    }

    /// <summary>Takes a snapshot. Not thread-safe. <paramref name="sync"/> returns when a version is durable, or throws.</summary>
    /// <exception cref="IOException">The snapshot could not be written. Its file is deleted.</exception>
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

    /// <summary>Deletes the snapshots before one, and syncs the directory.</summary>
    public static void DeleteOlder(IDisk disk, long newest)
    {
        foreach (long version in FileNames.Snapshots(disk.List()))
            if (version < newest) disk.Delete(FileNames.OfSnapshot(version));
        disk.SyncNames();
    }

    private long CopyEntries(SnapshotWriter writer, CancellationToken cancellationToken) => entries.CopyEntries(SnapshotWriter.ChunkBytes, chunk =>
    {
        cancellationToken.ThrowIfCancellationRequested();
        writer.WriteEntries(chunk);

        // On a core shared with wire threads, a sync and the calls that wait for it would be delayed by the time slices of this thread.
        Thread.Yield();
    });

    /// <summary>Copies the commits after one version up to another, all of which are synced.</summary>
    private void CopyCommits(SnapshotWriter writer, long segment, long after, long upTo, CancellationToken cancellationToken)
    {
        for (long last = after; last < upTo; segment++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string name = FileNames.OfSegment(segment);
            using IDiskFile file = disk.Open(name);
            var scanner = new LogScanner(file, FileHeader.Read(file, name, FileKind.Segment).Checksum);
            while (last < upTo && scanner.Next(out LogRecordHeader logRecord, out ReadOnlySpan<byte> payload) == Scan.LogRecord &&
                logRecord.Kind != LogRecordKind.SegmentEnd)
            {
                if (logRecord.Kind != LogRecordKind.Commit || logRecord.Number <= after) continue;
                if (logRecord.Number != ++last) throw new IOException($"{name}: found commit {logRecord.Number}, expected {last}");
                writer.WriteCommit(logRecord.Number, payload);
            }
        }
    }

    private void DeleteIfThere(string name)
    {
        if (disk.List().Contains(name)) disk.Delete(name);
    }
}
