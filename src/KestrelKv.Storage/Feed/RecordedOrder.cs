using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Feed;

/// <summary>The order of commits of a store in memory that is watched: each is written to the history.</summary>
/// <param name="last">The version of the last commit.</param>
/// <param name="feed">The feed whose history it is.</param>
internal sealed class RecordedOrder(long last, ChangeFeed feed) : ICommitOrder
{
    private readonly ChangeHistory _history = feed.History;
    private ShortLock _lock;
    private long _last = last;

    public long Last => Volatile.Read(ref _last);

    public CommitStatus TryCommit(in Record change, out long version)
    {
        int payloadBytes = change.Bytes;
        _lock.Enter();
        try
        {
            version = _last + 1;
            change.Write(Begin(version, payloadBytes));
            End(version);
        }
        finally
        {
            _lock.Exit();
        }
        feed.Publish(version);
        return CommitStatus.Done;
    }

    public CommitStatus TryCommit(ReadOnlySpan<Operation> batch, ReadOnlySpan<bool> changes, long expected, out long version)
    {
        int payloadBytes = Record.BytesOf(batch, changes);

        _lock.Enter();
        try
        {
            version = _last + 1;
            if (expected != 0 && version != expected) return CommitStatus.Overtaken;
            Record.Write(batch, changes, Begin(version, payloadBytes));
            End(version);
        }
        finally
        {
            _lock.Exit();
        }
        feed.Publish(version);
        return CommitStatus.Done;
    }

    private Span<byte> Begin(long version, int payloadBytes)
    {
        Span<byte> frame = _history.Reserve(version, Frame.BytesFor(payloadBytes));
        Frame.Begin(frame, FrameKind.Commit, payloadBytes, version);
        return frame[Frame.HeaderBytes..];
    }

    private void End(long version)
    {
        _history.Append();
        Volatile.Write(ref _last, version);
    }
}
