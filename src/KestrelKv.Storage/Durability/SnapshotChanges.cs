using System.Buffers;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>Receives an entry of a snapshot with its version, or a change of a commit with the version of the commit.</summary>
internal delegate void ChangeVisitor(in Record change, long version);

/// <summary>Reads the entries of a snapshot, and then the changes of its commits. Only one log record is in memory.</summary>
internal sealed class SnapshotChanges(IDiskFile file, string name)
{
    private readonly SnapshotRecords _records = new(file, name);
    private long _entries;

    /// <summary>The end of the snapshot. Valid once <see cref="TryVisitNext"/> has returned false.</summary>
    public SnapshotEnd End => _records.End;

    /// <summary>Whether the last changes that were visited are those of a commit.</summary>
    public bool IsCommit { get; private set; }

    /// <summary>Visits the changes of the next log record. Returns false at the end of the snapshot.</summary>
    /// <exception cref="DataException">The snapshot is damaged.</exception>
    public bool TryVisitNext(ChangeVisitor visit)
    {
        if (!_records.TryNext(out LogRecordHeader logRecord, out ReadOnlySpan<byte> payload))
        {
            _records.CheckEntries(_entries);
            return false;
        }
        IsCommit = logRecord.Kind == LogRecordKind.Commit;
        if (logRecord.Kind == LogRecordKind.CompressedEntries)
        {
            byte[] entries = Loader.Decompress(logRecord, payload) ?? throw _records.Damaged("the entries cannot be decompressed");
            Visit(entries.AsSpan(0, (int)logRecord.Number), logRecord, visit);
            ArrayPool<byte>.Shared.Return(entries);
        }
        else
        {
            Visit(payload, logRecord, visit);
        }
        return true;
    }

    private void Visit(ReadOnlySpan<byte> changes, LogRecordHeader logRecord, ChangeVisitor visit)
    {
        // Before the first visit, so that a visitor receives all changes of a record or none.
        if (!Record.TryCount(changes, !IsCommit, out int count))
            throw _records.Damaged($"a change in the record {logRecord.Kind} {logRecord.Number} cannot be decoded");
        if (!IsCommit) _entries += count;
        while (Record.TryRead(ref changes, out Record change)) visit(change, IsCommit ? logRecord.Number : change.Version);
    }
}
