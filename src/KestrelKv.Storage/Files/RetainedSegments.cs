using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Files;

/// <summary>
/// A retained log segment. <c>First</c> is the version of its first commit; without commits, the version of the next one.
/// </summary>
internal sealed record RetainedSegment(long Number, long First, long Bytes)
{
    /// <summary>The time of its last commit, or shortly after it. Not set for the segment that is written to.</summary>
    public DateTimeOffset EndedAt { get; set; }
}

/// <summary>
/// The log segments that are retained: those that a start needs, and before them the historical segments, which only the feed needs,
/// within the configured limits. Thread-safe.
/// </summary>
/// <remarks>
/// Segments are retained without gaps: the oldest is always deleted first. Deletions are not synced. A segment that reappears after a
/// crash does no harm: it is a historical segment again, or it lies before a gap and is deleted again.
/// </remarks>
internal sealed class RetainedSegments(IDisk disk, DataOptions options, TimeProvider time, ILogger logger)
{
    /// <summary>Held while files are deleted. Taken before <see cref="_state"/>.</summary>
    private readonly Lock _deleting = new();
    private readonly List<long> _toDelete = [];

    /// <summary>Protects all fields below. Held only briefly.</summary>
    private readonly Lock _state = new();

    /// <summary>In ascending order without gaps. The last one is written to.</summary>
    private readonly List<RetainedSegment> _segments = [];

    /// <summary>The first segment that a start needs.</summary>
    private long _needed;

    /// <summary>The first segment that the feed may read. A damaged segment and all before it are excluded.</summary>
    private long _trusted;

    /// <summary>The version of the first readable commit; <see cref="long.MaxValue"/> if there is none.</summary>
    public long Oldest
    {
        get
        {
            lock (_state) return _segments.Find(segment => segment.Number >= _trusted)?.First ?? long.MaxValue;
        }
    }

    /// <summary>Returns the numbers of the segments that a start needs.</summary>
    public long[] Needed()
    {
        lock (_state) return [.. _segments.Select(segment => segment.Number).Where(number => number >= _needed)];
    }

    /// <summary>The total length of the historical segments, in bytes.</summary>
    public long HistoryBytes
    {
        get
        {
            lock (_state) return _segments.TakeWhile(segment => segment.Number < _needed).Sum(segment => segment.Bytes);
        }
    }

    /// <summary>
    /// Registers the segments that a start has read, and the historical segments before them. These ended at
    /// <paramref name="snapshotAt"/>, in milliseconds of Unix time, at the latest.
    /// </summary>
    public void Begin(IDisk from, ulong store, List<long> numbers, IReadOnlyList<RetainedSegment> log, long snapshotAt)
    {
        DateTimeOffset now = time.GetUtcNow(), at = DateTimeOffset.FromUnixTimeMilliseconds(snapshotAt);
        List<RetainedSegment> history = HistoryDiscovery.Of(from, store, numbers, log[0], logger);
        foreach (RetainedSegment segment in history) segment.EndedAt = at < now ? at : now;
        foreach (RetainedSegment segment in log) segment.EndedAt = now;
        lock (_state)
        {
            _segments.AddRange([.. history, .. log]);
            _needed = log[0].Number;
        }
        lock (_deleting) _toDelete.AddRange(numbers.Where(number => number < _segments[0].Number));
    }

    /// <summary>Registers a new segment, whose first commit has the version <paramref name="first"/>.</summary>
    public void Begin(long number, long first, long bytes)
    {
        lock (_state)
        {
            if (_segments.Count > 0) _segments[^1].EndedAt = time.GetUtcNow();
            else _needed = number;
            _segments.Add(new(number, first, bytes));
        }
    }

    /// <summary>Turns the segments before <paramref name="needed"/> into historical segments.</summary>
    public void Release(long needed)
    {
        lock (_state) _needed = needed;
    }

    /// <summary>Deletes historical segments beyond the limits of bytes and age. Failed deletions are retried at the next call.</summary>
    public void Trim()
    {
        lock (_deleting)
        {
            while (RemoveOldest(onlyIfExcess: true) is { } number) _toDelete.Add(number);
            Delete();
        }
    }

    /// <summary>Deletes the oldest historical segment to reclaim disk space. Returns whether a file was deleted.</summary>
    public bool TryDeleteOldest()
    {
        lock (_deleting)
        {
            if (RemoveOldest(onlyIfExcess: false) is { } number)
            {
                Log.HistoryDeleted(logger, FileNames.OfSegment(number));
                _toDelete.Add(number);
            }
            return Delete() > 0;
        }
    }

    /// <summary>
    /// Finds the segment that contains a commit. <paramref name="next"/> is the first version after the segment;
    /// <see cref="long.MaxValue"/> if it is the last one.
    /// </summary>
    public bool TryFind(long version, out RetainedSegment segment, out long next)
    {
        lock (_state)
        {
            int index = _segments.FindLastIndex(candidate => candidate.First <= version);
            bool found = index >= 0 && _segments[index].Number >= _trusted;
            segment = found ? _segments[index] : _segments[^1];
            next = found && index + 1 < _segments.Count ? _segments[index + 1].First : long.MaxValue;
            return found;
        }
    }

    /// <summary>
    /// Excludes a damaged segment, and all before it, from further reads. Returns whether it was readable before; false if it has been
    /// deleted.
    /// </summary>
    public bool MarkDamaged(long number)
    {
        lock (_state)
        {
            if (number < _trusted || !_segments.Exists(segment => segment.Number == number)) return false;
            _trusted = number + 1;
            return true;
        }
    }

    /// <summary>Removes the oldest segment from the list if it is historical.</summary>
    private long? RemoveOldest(bool onlyIfExcess)
    {
        lock (_state)
        {
            if (_segments.Count == 0 || _segments[0].Number >= _needed || _segments.Count == 1) return null;
            if (onlyIfExcess && HistoryBytes <= options.HistoryBytes && !IsTooOld(_segments[0])) return null;
            long number = _segments[0].Number;
            _segments.RemoveAt(0);
            return number;
        }
    }

    private bool IsTooOld(RetainedSegment segment) =>
        options.HistoryTime > TimeSpan.Zero && time.GetUtcNow() - segment.EndedAt > options.HistoryTime;

    private int Delete()
    {
        int deleted = 0;
        while (_toDelete.Count > 0)
        {
            long number = _toDelete[0];
            _toDelete.RemoveAt(0);
            try
            {
                disk.Delete(FileNames.OfSegment(number));
                deleted++;
            }
            catch (FileNotFoundException)
            {
                // An earlier deletion took effect although it was reported as failed.
            }
            catch (IOException)
            {
                // Nothing depends on the deletion.
                _toDelete.Insert(0, number);
                break;
            }
        }
        return deleted;
    }
}
