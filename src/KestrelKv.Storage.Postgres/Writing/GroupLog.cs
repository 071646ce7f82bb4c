using System.Diagnostics;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Postgres.Writing;

/// <summary>The commits that the evaluation of a group makes. For one thread at a time.</summary>
/// <param name="bytesMax">The size of the records, in bytes, after which a group gets no more operations.</param>
internal sealed class GroupLog(long bytesMax) : ICommitLog
{
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(1);

    private readonly List<long> _versions = [];
    private readonly List<byte[]> _records = [];
    private readonly HashSet<byte[]> _puts = new(KeyComparer.Instance);
    private long _bytes;
    private long _begunAt;

    /// <summary>The versions of the commits that change client keys, and the records of these changes.</summary>
    public (long[] Versions, byte[][] Records) Changes => ([.. _versions], [.. _records]);

    /// <inheritdoc/>
    public long Last { get; private set; }

    /// <summary>
    /// Whether the group gets no more operations: its records are large, or its evaluation takes long. After 2 seconds, the server would end
    /// the transaction.
    /// </summary>
    public bool IsFull => _bytes >= bytesMax || Stopwatch.GetElapsedTime(_begunAt) > TimeMax;

    /// <summary>The number of client entries removed because they had expired.</summary>
    public long Expirations { get; private set; }

    /// <inheritdoc/>
    public bool IsBehind => false;

    /// <summary>Begins a group after a version.</summary>
    public void Begin(long last)
    {
        Last = last;
        (Expirations, _bytes, _begunAt) = (0, 0, Stopwatch.GetTimestamp());
        _versions.Clear();
        _records.Clear();
        _puts.Clear();
    }

    /// <summary>Whether a commit of the group put a value of the key.</summary>
    public bool HasPut(byte[] key) => _puts.Contains(key);

    /// <inheritdoc/>
    public CommitStatus TryCommit(in Record change, out long version)
    {
        version = ++Last;
        Note(change);
        if (change.Kind == RecordKind.Expired && !InternalKey.Is(change.Key)) Expirations++;
        if (!InternalKey.Is(change.Key)) change.Write(Add(version, change.Bytes));
        return CommitStatus.Done;
    }

    /// <inheritdoc/>
    public CommitStatus TryCommit(ReadOnlySpan<Change> changes, long expected, out long version)
    {
        version = Last + 1;
        if (expected != 0 && version != expected) return CommitStatus.VersionConflict;
        Last = version;
        int bytes = 0;
        foreach (ref readonly Change change in changes)
        {
            Note(change.AsRecord());
            if (!InternalKey.Is(change.Key.Span)) bytes = checked(bytes + change.AsRecord().Bytes);
        }
        if (bytes == 0) return CommitStatus.Done;
        Span<byte> to = Add(version, bytes);
        foreach (ref readonly Change change in changes)
            if (!InternalKey.Is(change.Key.Span)) to = change.AsRecord().Write(to);
        return CommitStatus.Done;
    }

    /// <inheritdoc/>
    public Task WhenReady(long recordBytes) => Task.CompletedTask;

    /// <inheritdoc/>
    public bool CanPublish(long version) => true;

    /// <inheritdoc/>
    public ValueTask<int> WhenDurable(long version, int result) => new(result);

    /// <inheritdoc/>
    public ValueTask<bool> WhenDurable(long version, bool result) => new(result);

    /// <inheritdoc/>
    public void Flush()
    {
    }

    /// <inheritdoc/>
    public IWatch Watch(in WatchQuery query, Action wake) => throw new NotSupportedException("A workspace has no watches.");

    /// <inheritdoc/>
    public CommitLogStats GetStats() => default;

    /// <inheritdoc/>
    public void Close()
    {
    }

    private void Note(in Record change)
    {
        if (change.Kind == RecordKind.Put) _puts.Add(change.Key.ToArray());
    }

    private Span<byte> Add(long version, int bytes)
    {
        byte[] records = new byte[bytes];
        _bytes += bytes;
        _versions.Add(version);
        _records.Add(records);
        return records;
    }
}
