using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>Reads the log records of a snapshot, and validates their checksums and their order.</summary>
internal sealed class SnapshotRecords
{
    private readonly IDiskFile _file;
    private readonly string _name;
    private readonly LogScanner _scanner;
    private long _last;
    private bool _hasCommits;

    /// <exception cref="DataException">The header of the file is damaged, or not that of a snapshot.</exception>
    public SnapshotRecords(IDiskFile file, string name)
    {
        (_file, _name) = (file, name);
        (Header, uint seed) = FileHeader.Read(file, name, FileKind.Snapshot);
        _scanner = new LogScanner(file, seed);
        _last = Header.Number;
    }

    public FileHeader Header { get; }

    /// <summary>The end of the snapshot. Valid once <see cref="TryNext"/> has returned false.</summary>
    public SnapshotEnd End { get; private set; }

    /// <summary>The offset of the last record that was read.</summary>
    public long Offset { get; private set; }

    /// <summary>The number of bytes that were read.</summary>
    public long BytesRead => _scanner.Offset;

    /// <summary>
    /// Reads the next record of entries or of a commit. Returns false at the end of the snapshot. The payload is valid until the next call.
    /// </summary>
    /// <exception cref="DataException">The snapshot is damaged.</exception>
    public bool TryNext(out LogRecordHeader logRecord, out ReadOnlySpan<byte> payload)
    {
        Offset = _scanner.Offset;
        Scan scan = _scanner.Next(out logRecord, out payload);
        if (scan != Scan.LogRecord) throw Damaged(scan == Scan.End ? "the file ends before the end of the snapshot" : _scanner.Reason);
        switch (logRecord.Kind)
        {
            case LogRecordKind.Entries or LogRecordKind.CompressedEntries when !_hasCommits:
                return true;
            case LogRecordKind.Commit when logRecord.Number == _last + 1:
                _last++;
                _hasCommits = true;
                return true;
            case LogRecordKind.SnapshotEnd when logRecord.PayloadBytes == SnapshotEnd.PayloadBytes && logRecord.Number == _last:
                End = SnapshotEnd.Read(logRecord.Number, payload);
                if (_scanner.Offset != _file.Length) throw Damage.At(_name, _scanner.Offset, "data follows the end of the snapshot");
                return false;
            default:
                throw Damaged($"unexpected record {logRecord.Kind} {logRecord.Number}");
        }
    }

    /// <summary>Compares the number of entries that were read with that in the end of the snapshot.</summary>
    /// <exception cref="DataException">They differ.</exception>
    public void CheckEntries(long entries)
    {
        if (entries != End.Entries) throw Damaged($"the snapshot has {entries} entries, expected {End.Entries}");
    }

    /// <summary>Returns the exception for damage to the last record that was read.</summary>
    public DataException Damaged(string reason) => Damage.At(_name, Offset, reason);
}
