using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Files;

/// <summary>The result of <see cref="LogScanner"/> at an offset of a file.</summary>
internal enum Scan
{
    LogRecord,

    /// <summary>The end of the file, or of the written part, after which all bytes are zero.</summary>
    End,

    /// <summary>Neither a valid log record nor an end.</summary>
    Broken,
}

/// <summary>Reads and validates the log records of a file, one after another.</summary>
internal sealed class LogScanner
{
    private const int ReadBytes = 1024 * 1024;
    private const int Alignment = 8;

    private readonly IDiskFile _file;
    private readonly uint _seed;
    private readonly long _fileBytes;
    private byte[] _buffer;
    private long _bufferOffset;
    private int _buffered;

    /// <summary>
    /// Begins after the file header, which has the checksum <paramref name="seed"/>. Records that exceed <paramref name="buffer"/> get
    /// a longer buffer.
    /// </summary>
    public LogScanner(IDiskFile file, uint seed, byte[]? buffer = null)
    {
        _file = file;
        _seed = Previous = seed;
        _fileBytes = file.Length;
        _buffer = buffer ?? GC.AllocateUninitializedArray<byte>((int)Math.Min(ReadBytes, _fileBytes));
    }

    /// <summary>The offset of the next log record.</summary>
    public long Offset { get; private set; } = FileHeader.Bytes;

    /// <summary>The checksum of the preceding log record, or of the file header.</summary>
    public uint Previous { get; private set; }

    /// <summary>The reason for the last <see cref="Scan.Broken"/>.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>Continues at the position of another scanner.</summary>
    public void ContinueFrom(long offset, uint previous) => (Offset, Previous) = (offset, previous);

    /// <summary>Reads the next log record, and advances if it is valid. The payload is valid until the next call.</summary>
    public Scan Next(out LogRecordHeader header, out ReadOnlySpan<byte> payload)
    {
        Scan scan = ScanAt(Offset, out header, out ReadOnlySpan<byte> logRecord);
        payload = default;
        if (scan != Scan.LogRecord) return scan;
        if (header.Previous != Previous)
        {
            Reason = "the log record does not follow the preceding one";
            return Scan.Broken;
        }
        payload = logRecord.Slice(LogRecord.HeaderBytes, header.PayloadBytes);
        Offset += logRecord.Length;
        Previous = header.Checksum;
        return Scan.LogRecord;
    }

    /// <summary>
    /// Searches from <see cref="Offset"/> for a mark which proves that the data at this offset was synced, and thus is damaged. Without
    /// proof it may be a tail that was being written when the server stopped. Returns the offset of the mark, or -1.
    /// </summary>
    public long FindProofOfDamage()
    {
        for (long at = Offset; at + LogRecord.HeaderBytes <= _fileBytes; at += Alignment)
        {
            LogRecordHeader header = LogRecord.ReadHeader(Read(at, LogRecord.HeaderBytes));
            if (header is { Kind: LogRecordKind.Mark, PayloadBytes: 0 } && header.Number > Offset &&
                ScanAt(at, out _, out _) == Scan.LogRecord)
                return at;
        }
        return -1;
    }

    /// <summary>Advances to the next valid log record, whatever record it follows. Returns false if there is none.</summary>
    public bool SkipToNextRecord()
    {
        for (long at = Offset + Alignment; at + LogRecord.HeaderBytes <= _fileBytes; at += Alignment)
        {
            if (ScanAt(at, out LogRecordHeader header, out _) != Scan.LogRecord) continue;
            Offset = at;
            Previous = header.Previous;
            return true;
        }
        return false;
    }

    /// <summary>Whether all bytes from <see cref="Offset"/> to the end of the file are zero.</summary>
    public bool HasOnlyZerosLeft()
    {
        for (long at = Offset; at < _fileBytes; at += ReadBytes)
            if (Read(at, (int)Math.Min(ReadBytes, _fileBytes - at)).ContainsAnyExcept((byte)0)) return false;
        return true;
    }

    private Scan ScanAt(long offset, out LogRecordHeader header, out ReadOnlySpan<byte> logRecord)
    {
        header = default;
        logRecord = default;
        if (offset == _fileBytes) return Scan.End;
        if (offset + LogRecord.HeaderBytes > _fileBytes) return Broken("the file ends within a log record");
        header = LogRecord.ReadHeader(Read(offset, LogRecord.HeaderBytes));
        if (header.IsZero) return Scan.End;
        if (!header.IsPlausible) return Broken("the header of the log record is invalid");
        if (offset + header.LogRecordBytes > _fileBytes) return Broken("the file ends within a log record");
        logRecord = Read(offset, header.LogRecordBytes);
        return LogRecord.ChecksumOf(logRecord, _seed) == header.Checksum
            ? Scan.LogRecord
            : Broken("the checksum of the log record does not match");
    }

    private Scan Broken(string reason)
    {
        Reason = reason;
        return Scan.Broken;
    }

    private ReadOnlySpan<byte> Read(long offset, int bytes)
    {
        if (offset < _bufferOffset || offset + bytes > _bufferOffset + _buffered)
        {
            if (bytes > _buffer.Length) _buffer = GC.AllocateUninitializedArray<byte>(bytes);
            _buffered = _file.Read(_buffer.AsSpan(0, (int)Math.Min(_buffer.Length, _fileBytes - offset)), offset);
            _bufferOffset = offset;
            if (_buffered < bytes) throw new IOException($"the file was truncated while it was read, expected {_fileBytes} bytes");
        }
        return _buffer.AsSpan((int)(offset - _bufferOffset), bytes);
    }
}
