using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Files;

/// <summary>A segment of the log that is kept.</summary>
/// <param name="Number">Its number.</param>
/// <param name="First">The version of its first commit; where it has none, that of the next one there will be.</param>
/// <param name="Bytes">The length of its file.</param>
internal sealed record KeptSegment(long Number, long First, long Bytes)
{
    /// <summary>When its last commit was written, or a little later; not known of the one that is written to.</summary>
    public DateTimeOffset EndedAt { get; set; }
}

/// <summary>
/// Which segments of the log are kept: those that a start needs, and before these, as far as is configured, some for the
/// feed alone, which are called history. For use by many threads.
/// </summary>
/// <remarks>
/// They are kept without gaps: what goes is the oldest. That a file is deleted is never synced, as one that comes back after a crash
/// does no harm: it is history again, or lies before a gap and is deleted again.
/// </remarks>
internal sealed class KeptSegments(IDisk disk, DataOptions options, TimeProvider time, ILogger logger)
{
    /// <summary>Held while files are deleted; taken before the other lock.</summary>
    private readonly Lock _deleting = new();
    private readonly List<long> _toDelete = [];

    /// <summary>Protects all that follows; held for a moment only.</summary>
    private readonly Lock _state = new();

    /// <summary>In their order, without gaps; the last one is written to.</summary>
    private readonly List<KeptSegment> _segments = [];

    /// <summary>A start needs the segments from this one on.</summary>
    private long _needed;

    /// <summary>Those before this one can't be relied on, as one of them is damaged.</summary>
    private long _trusted;

    /// <summary>The version of the first commit that can be read; <see cref="long.MaxValue"/> for none.</summary>
    public long Oldest
    {
        get
        {
            lock (_state) return _segments.Find(segment => segment.Number >= _trusted)?.First ?? long.MaxValue;
        }
    }

    /// <summary>The numbers of the segments that a start needs.</summary>
    public long[] Needed()
    {
        lock (_state) return [.. _segments.Select(segment => segment.Number).Where(number => number >= _needed)];
    }

    /// <summary>Bytes of the files that are history.</summary>
    public long HistoryBytes
    {
        get
        {
            lock (_state) return _segments.TakeWhile(segment => segment.Number < _needed).Sum(segment => segment.Bytes);
        }
    }

    /// <summary>What a start has found.</summary>
    /// <param name="from">The disk, as it is read by a start.</param>
    /// <param name="store">The number in the header of all files.</param>
    /// <param name="numbers">Those of all segments, in their order.</param>
    /// <param name="log">What was read of the log: all that a start needs.</param>
    /// <param name="snapshotAt">
    /// When the snapshot was finished, in milliseconds of Unix time: what is before its segment had ended by then.
    /// </param>
    public void Begin(IDisk from, ulong store, List<long> numbers, IReadOnlyList<KeptSegment> log, long snapshotAt)
    {
        DateTimeOffset now = time.GetUtcNow(), at = DateTimeOffset.FromUnixTimeMilliseconds(snapshotAt);
        List<KeptSegment> history = FoundHistory.Of(from, store, numbers, log[0], logger);
        foreach (KeptSegment segment in history) segment.EndedAt = at < now ? at : now;
        foreach (KeptSegment segment in log) segment.EndedAt = now;
        lock (_state)
        {
            _segments.AddRange([.. history, .. log]);
            _needed = log[0].Number;
        }
        lock (_deleting) _toDelete.AddRange(numbers.Where(number => number < _segments[0].Number));
    }

    /// <summary>A segment is begun.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="first">The version of its first commit.</param>
    /// <param name="bytes">The length of its file.</param>
    public void Begin(long number, long first, long bytes)
    {
        lock (_state)
        {
            if (_segments.Count > 0) _segments[^1].EndedAt = time.GetUtcNow();
            else _needed = number;
            _segments.Add(new(number, first, bytes));
        }
    }

    /// <summary>A start no longer needs the segments before one.</summary>
    public void Release(long needed)
    {
        lock (_state) _needed = needed;
    }

    /// <summary>Deletes the history that is too much, or too old. What can't be deleted now is tried again the next time.</summary>
    public void Trim()
    {
        lock (_deleting)
        {
            while (TakeOldest(onlyWhereTooMuch: true) is { } number) _toDelete.Add(number);
            Delete();
        }
    }

    /// <summary>The disk is full: gives up the oldest history that there is.</summary>
    /// <returns>Whether there was any.</returns>
    public bool TryGiveUpOldest()
    {
        lock (_deleting)
        {
            if (TakeOldest(onlyWhereTooMuch: false) is { } number)
            {
                Log.HistoryGivenUp(logger, FileNames.OfSegment(number));
                _toDelete.Add(number);
            }
            return Delete() > 0;
        }
    }

    /// <summary>Finds the segment that has a commit.</summary>
    /// <param name="version">Its version.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="next">The version of the first commit after the segment; <see cref="long.MaxValue"/> where it is the last one.</param>
    public bool TryFind(long version, out KeptSegment segment, out long next)
    {
        lock (_state)
        {
            int index = _segments.FindLastIndex(kept => kept.First <= version);
            bool isThere = index >= 0 && _segments[index].Number >= _trusted;
            segment = isThere ? _segments[index] : _segments[^1];
            next = isThere && index + 1 < _segments.Count ? _segments[index + 1].First : long.MaxValue;
            return isThere;
        }
    }

    /// <summary>A segment is damaged: neither it nor any before it is read any more.</summary>
    /// <returns>Whether that is news; not where the segment has gone.</returns>
    public bool Distrust(long number)
    {
        lock (_state)
        {
            if (number < _trusted || !_segments.Exists(segment => segment.Number == number)) return false;
            _trusted = number + 1;
            return true;
        }
    }

    /// <summary>Takes the oldest segment off the list, if it is history.</summary>
    private long? TakeOldest(bool onlyWhereTooMuch)
    {
        lock (_state)
        {
            if (_segments.Count == 0 || _segments[0].Number >= _needed || _segments.Count == 1) return null;
            if (onlyWhereTooMuch && HistoryBytes <= options.HistoryBytes && !IsTooOld(_segments[0])) return null;
            long number = _segments[0].Number;
            _segments.RemoveAt(0);
            return number;
        }
    }

    private bool IsTooOld(KeptSegment segment) =>
        options.HistoryTime > TimeSpan.Zero && time.GetUtcNow() - segment.EndedAt > options.HistoryTime;

    /// <returns>How many files were deleted.</returns>
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
                // It was deleted, though the disk said that it could not be.
            }
            catch (IOException)
            {
                // Nothing depends on it.
                _toDelete.Insert(0, number);
                break;
            }
        }
        return deleted;
    }
}
