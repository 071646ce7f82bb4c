using System.Buffers;
using System.IO.Compression;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>Writes the records of a snapshot to a file. Compresses entries if it saves enough.</summary>
internal sealed class SnapshotWriter
{
    /// <summary>The number of bytes of entries that are compressed and written at a time; one more entry may exceed it.</summary>
    public const int ChunkBytes = 256 * 1024;

    private const int BufferBytes = 1024 * 1024;

    /// <summary>
    /// The number of bytes between two syncs. On many file systems, the next sync of the log would otherwise also write all data that
    /// the system has buffered.
    /// </summary>
    private const int SyncBytes = 1024 * 1024;

    /// <summary>The fastest quality of Brotli.</summary>
    private const int Quality = 0;
    private const int WindowBits = 18;

    /// <summary>The number of chunks that are not compressed after one that did not compress well.</summary>
    private const int ChunksUntried = 15;

    private readonly IDiskFile _file;
    private readonly uint _seed;
    private readonly ArrayBufferWriter<byte> _buffer = new(BufferBytes);
    private uint _previous;
    private long _written;
    private long _synced;
    private int _untried;

    public SnapshotWriter(IDiskFile file, FileHeader header)
    {
        _file = file;
        _seed = _previous = header.Write(_buffer.GetSpan(FileHeader.Bytes));
        _buffer.Advance(FileHeader.Bytes);
    }

    public long Bytes => _written + _buffer.WrittenCount;

    /// <summary>Writes entries: changes with versions.</summary>
    public void WriteEntries(ReadOnlySpan<byte> entries)
    {
        if (_untried > 0)
        {
            _untried--;
        }
        else
        {
            // Compression must save two thirds. Otherwise decompression takes longer than reading the additional bytes from a fast
            // disk.
            byte[] compressed = ArrayPool<byte>.Shared.Rent(entries.Length);
            Span<byte> to = compressed.AsSpan(0, entries.Length / 3);
            bool isCompressed = BrotliEncoder.TryCompress(entries, to, out int bytes, Quality, WindowBits);
            if (isCompressed) Write(LogRecordKind.CompressedEntries, entries.Length, compressed.AsSpan(0, bytes));
            ArrayPool<byte>.Shared.Return(compressed);
            if (isCompressed) return;
            _untried = ChunksUntried;
        }
        Write(LogRecordKind.Entries, entries.Length, entries);
    }

    public void WriteCommit(long version, ReadOnlySpan<byte> records) => Write(LogRecordKind.Commit, version, records);

    /// <summary>Writes the end of the snapshot, and syncs the file.</summary>
    public void Finish(SnapshotEnd end)
    {
        Span<byte> payload = stackalloc byte[SnapshotEnd.PayloadBytes];
        end.Write(payload);
        Write(LogRecordKind.SnapshotEnd, end.Version, payload);
        WriteOut();
        _file.Sync();
    }

    private void Write(LogRecordKind kind, long number, ReadOnlySpan<byte> payload)
    {
        int bytes = LogRecord.BytesFor(payload.Length);
        Span<byte> logRecord = _buffer.GetSpan(bytes)[..bytes];
        LogRecord.Begin(logRecord, kind, payload.Length, number);
        payload.CopyTo(logRecord[LogRecord.HeaderBytes..]);
        _previous = LogRecord.Seal(logRecord, _seed, _previous);
        _buffer.Advance(bytes);
        if (_buffer.WrittenCount >= BufferBytes / 2) WriteOut();
    }

    private void WriteOut()
    {
        _file.Write(_buffer.WrittenSpan, _written);
        _written += _buffer.WrittenCount;
        _buffer.ResetWrittenCount();
        if (_written - _synced < SyncBytes) return;
        _file.Sync();
        _synced = _written;
    }
}
