using System.Diagnostics;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Durability;

/// <summary>The recovered store, and the position at which its log continues.</summary>
internal sealed record Recovered(
    Keyspace Entries, long Version, SegmentFiles Files, long Offset, uint Previous, SnapshotInfo? Snapshot,
    IReadOnlyList<RetainedSegment> Log)
{
    /// <summary>The version of the last commit. New commits follow <see cref="Version"/>.</summary>
    public required long LastCommit { get; init; }
}

/// <summary>Recovers the store of a data directory from the newest snapshot and the log after it.</summary>
/// <remarks>
/// <para>
/// Nothing in the directory is changed before all data is read. Then an unsynced tail of the log is overwritten with zeros. Otherwise
/// its remains could later be taken for the continuation of other commits.
/// </para>
/// <para>
/// If the log breaks off, the data after that place is an unsynced tail. If a mark, or data in a later segment, proves that it was
/// synced, it is damaged, and recovery throws a <see cref="DataException"/>.
/// </para>
/// <para>
/// Each start begins its versions above all versions that earlier starts may have exposed (<see cref="VersionRange"/>), because it does
/// not know which commits were lost. The version jump is synced before any data is visible, so the next start knows it.
/// </para>
/// </remarks>
internal sealed class Recovery(
    IDisk disk, DataOptions options, RetainedSegments kept, Func<Keyspace> createEntries, TimeProvider time, ILogger logger,
    CancellationToken cancellationToken)
{
    private const string Hint = "; run salvage to recover the readable data";
    private static readonly TimeSpan ProgressTime = TimeSpan.FromSeconds(5);

    private readonly long _start = Stopwatch.GetTimestamp();
    private long _reportedAt = Stopwatch.GetTimestamp();

    private long _lastCommit;

    /// <summary>
    /// The last log record if it is a version jump that follows the last commit, and the checksum of the record before it.
    /// </summary>
    private (VersionJump Jump, uint Previous)? _lastJump;

    /// <summary>Recovers the store. Creates the first segment if the directory is empty.</summary>
    /// <exception cref="DataException">The files are damaged, or do not belong together.</exception>
    public Recovered Run()
    {
        IReadOnlyList<string> names = disk.List();
        if (names.Contains(FileNames.Replacing))
            throw new DataException($"{FileNames.Replacing}: a restore or salvage was interrupted; run it again");

        List<long> segments = FileNames.Segments(names), snapshots = FileNames.Snapshots(names);
        if (segments.Count == 0 && snapshots.Count == 0) return Create(names);

        Keyspace? entries = null;
        try
        {
            (entries, ulong? number, SnapshotEnd end, SnapshotInfo? snapshot) = LoadSnapshot(snapshots);

            // The directory entries may not be durable. They must be before a segment gets an end record, and before the files that
            // they supersede are deleted.
            disk.SyncNames();
            Recovered recovered = ReadLog(entries, number, snapshot is null ? null : end, snapshot, segments);
            DeleteUnfinished(names);
            kept.Begin(disk, recovered.Files.Store, segments, recovered.Log, end.At);
            if (snapshot is not null) Snapshots.DeleteOlder(disk, end.Version);
            double seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds;
            Log.Recovered(logger, recovered.LastCommit, entries.Count, seconds, recovered.Version);
            return recovered;
        }
        catch
        {
            entries?.Dispose();
            throw;
        }
    }

    private Recovered Create(IReadOnlyList<string> names)
    {
        DeleteUnfinished(names);
        ulong number = (ulong)Random.Shared.NextInt64();
        Segment first = SegmentFiles.Create(disk, number, 1, Math.Min(SegmentFiles.FirstBytes, options.SegmentBytes));
        var files = new SegmentFiles(disk, number, options.SegmentBytes, first, [], new Dictionary<long, long>());
        kept.Begin(first.Number, first: 1, first.Bytes);
        return new(createEntries(), 0, files, FileHeader.Bytes, first.Seed, null, []) { LastCommit = 0 };
    }

    private (Keyspace Entries, ulong? Number, SnapshotEnd End, SnapshotInfo? Info) LoadSnapshot(List<long> versions)
    {
        DataException? newest = null;
        for (int i = versions.Count - 1; i >= 0; i--)
        {
            string name = FileNames.OfSnapshot(versions[i]);
            Keyspace entries = createEntries();
            try
            {
                using IDiskFile file = disk.Open(name);
                (FileHeader header, SnapshotEnd end) = SnapshotReader.Read(
                    file, name, entries, read => ReportProgress(name, read, file.Length));
                if (end.Version != versions[i]) throw Damage.At(name, 0, $"the file is the snapshot of version {end.Version}");
                if (newest is not null) Log.OlderSnapshot(logger, newest.Message, name);
                return (
                    entries, header.Store, end,
                    new(end.Version, DateTimeOffset.FromUnixTimeMilliseconds(end.At), TimeSpan.Zero, file.Length));
            }
            catch (DataException e)
            {
                // An older snapshot and the log after it contain the same data.
                newest ??= e;
                entries.Dispose();
            }
            catch
            {
                entries.Dispose();
                throw;
            }
        }
        return newest is null ? (createEntries(), null, default, null) : throw newest;
    }

    private Recovered ReadLog(Keyspace entries, ulong? number, SnapshotEnd? snapshot, SnapshotInfo? info, List<long> numbers)
    {
        long first = snapshot?.Segment ?? 1, last = snapshot?.Version ?? 0;
        _lastCommit = last;
        Dictionary<long, long> full = [];
        List<RetainedSegment> read = [];
        numbers = numbers.FindAll(n => n >= first);
        for (int i = 0; i < Math.Max(1, numbers.Count); i++)
            if (i >= numbers.Count || numbers[i] != first + i)
                throw new DataException($"{FileNames.OfSegment(first + i)}: this log segment is missing");

        using var loader = new Loader(entries);
        List<Segment> open = [];
        try
        {
            foreach (long n in numbers) open.Add(Open(n, ref number));
            DropCacheOfLastSegments(open);
            for (int i = 0; i < open.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var scanner = new LogScanner(open[i].File, open[i].Seed);
                bool hasEnded = ReadSegment(scanner, open[i], loader, ref last, out long firstCommit);
                read.Add(new(open[i].Number, firstCommit, open[i].Bytes));
                if (hasEnded)
                {
                    if (i + 1 == open.Count)
                        throw new DataException($"{FileNames.OfSegment(first + i + 1)}: this log segment is missing");
                    full[open[i].Number] = scanner.Offset;
                    continue;
                }

                // Only prepared segments without log records may follow.
                if (open.Skip(i + 1).FirstOrDefault(HasLogRecords) is { } used)
                {
                    throw Damage.At(
                        FileNames.OfSegment(open[i].Number), scanner.Offset,
                        $"the log breaks off here but continues in {FileNames.OfSegment(used.Number)}{Hint}");
                }
                loader.Finish();
                foreach (Segment done in open.Take(i))
                {
                    // The process may have died between the write of the segment's end and its sync.
                    done.File.Sync();
                    done.Dispose();
                }
                CutTail(scanner, open[i]);
                var end = new LogEnd(open[i], open[(i + 1)..], scanner.Offset, scanner.Previous) { LastJump = _lastJump };
                long version = BeginVersions(end, last, number!.Value, full, read);
                var files = new SegmentFiles(disk, number!.Value, options.SegmentBytes, end.Current, end.Prepared, full);
                return new(entries, version, files, end.Offset, end.Previous, info, read) { LastCommit = _lastCommit };
            }
            throw new UnreachableException("the last segment has not ended");
        }
        catch
        {
            foreach (Segment segment in open) segment.Dispose();
            throw;
        }
    }

    /// <summary>Writes the version jump with which the versions of this start begin, and returns its version.</summary>
    private long BeginVersions(LogEnd end, long last, ulong number, Dictionary<long, long> full, List<RetainedSegment> read)
    {
        var jump = new VersionJump(VersionRange.After(last, time.GetUtcNow()), last);
        if (!end.HasRoom)
        {
            if (end.Prepared.Count == 0 && end.LastJump is { } idle)
            {
                // The disk may be full, so no segment is created. No commit follows the last jump, so a new jump over the same range
                // can replace it.
                end.Replace(idle.Jump with { Version = jump.Version }, idle.Previous);
                return jump.Version;
            }
            Segment next = end.Prepared.Count > 0
                ? end.Prepared[0]
                : SegmentFiles.Create(disk, number, end.Current.Number + 1, options.SegmentBytes);
            full[end.Current.Number] = end.AdvanceTo(next);
            read.Add(new(next.Number, last + 1, next.Bytes));
        }
        end.Append(jump);
        return jump.Version;
    }

    /// <summary>Reads the commits of a segment. Returns whether the segment has its end record.</summary>
    private bool ReadSegment(LogScanner scanner, Segment segment, Loader loader, ref long last, out long firstCommit)
    {
        firstCommit = last + 1;
        bool isFirst = true;
        string name = FileNames.OfSegment(segment.Number);
        while (true)
        {
            long offset = scanner.Offset;
            if (scanner.Next(out LogRecordHeader logRecord, out ReadOnlySpan<byte> payload) != Scan.LogRecord) return false;
            VersionJump jump = logRecord.Kind == LogRecordKind.VersionJump ? VersionJump.Read(logRecord, payload) : default;
            _lastJump = null;
            if (isFirst && logRecord.Kind is LogRecordKind.Commit or LogRecordKind.VersionJump)
                (firstCommit, isFirst) = (jump.Version > 0 ? jump.After + 1 : logRecord.Number, false);
            switch (logRecord.Kind)
            {
                case LogRecordKind.Commit or LogRecordKind.VersionJump when logRecord.Number <= last && !loader.HasCommits:
                    break; // The snapshot has it.
                case LogRecordKind.Commit when logRecord.Number == last + 1:
                    loader.Add(name, offset, logRecord, payload);
                    _lastCommit = ++last;
                    break;
                case LogRecordKind.VersionJump when jump.CanFollow(last):
                    if (jump.After == last) _lastJump = (jump, logRecord.Previous);
                    last = jump.Version;
                    break;
                case LogRecordKind.Commit or LogRecordKind.VersionJump:
                    throw Damage.At(name, offset, $"version {logRecord.Number} follows version {last}{Hint}");
                case LogRecordKind.Mark:
                    break;
                case LogRecordKind.SegmentEnd when logRecord.Number == segment.Number + 1:
                    return true;
                default:
                    throw Damage.At(name, offset, $"unexpected log record {logRecord.Kind} {logRecord.Number}{Hint}");
            }
            ReportProgress(name, scanner.Offset, segment.Bytes);
        }
    }

    private Segment Open(long segment, ref ulong? number)
    {
        string name = FileNames.OfSegment(segment);
        IDiskFile file = disk.Open(name);
        try
        {
            (FileHeader header, uint seed) = FileHeader.Read(file, name, FileKind.Segment);
            if (header.Number != segment) throw Damage.At(name, 0, $"the file is segment {header.Number}");
            number ??= header.Store;
            if (header.Store != number) throw Damage.At(name, 0, "the file belongs to another data directory");
            return new Segment(segment, file, seed, file.Length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Drops the page cache of the last segments: the last used one and the one before it may contain data whose sync failed. After
    /// such a failure nothing more was written. All earlier segments were synced before the next one was begun.
    /// </summary>
    private static void DropCacheOfLastSegments(List<Segment> segments)
    {
        int used = segments.FindLastIndex(segment => new LogScanner(segment.File, segment.Seed).Next(out _, out _) == Scan.LogRecord);
        foreach (Segment segment in segments.Skip(used - 1)) segment.File.DropPageCache();
    }

    private static bool HasLogRecords(Segment segment)
    {
        var scanner = new LogScanner(segment.File, segment.Seed);
        return scanner.Next(out _, out _) == Scan.LogRecord || scanner.SkipToNextRecord();
    }

    /// <summary>Overwrites the data after the last valid record with zeros. Throws if a mark proves that it was synced.</summary>
    private void CutTail(LogScanner scanner, Segment segment)
    {
        string name = FileNames.OfSegment(segment.Number);
        if (!scanner.HasOnlyZerosLeft())
        {
            scanner.Next(out _, out _);
            if (scanner.FindProofOfDamage() is >= 0 and long mark)
            {
                throw Damage.At(
                    name, scanner.Offset, $"{scanner.Reason}, but a mark at offset {mark} proves that this data was synced{Hint}");
            }
            string reason = scanner.Reason.Length > 0 ? scanner.Reason : "the data after it was not written in order";
            Log.TailCut(logger, name, scanner.Offset, reason);
            SegmentFiles.FillWithZeros(segment.File, scanner.Offset, segment.Bytes);
        }

        // The data that was read may be in the page cache only.
        segment.File.Sync();
    }

    private void DeleteUnfinished(IReadOnlyList<string> names)
    {
        foreach (string name in names)
            if (name.EndsWith(FileNames.Unfinished, StringComparison.Ordinal)) disk.Delete(name);
    }

    private void ReportProgress(string name, long read, long length)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Stopwatch.GetElapsedTime(_reportedAt) < ProgressTime) return;
        _reportedAt = Stopwatch.GetTimestamp();
        Log.Recovering(logger, name, 100 * read / length, Stopwatch.GetElapsedTime(_start).TotalSeconds);
    }
}
