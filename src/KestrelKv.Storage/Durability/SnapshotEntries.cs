using System.Buffers;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Durability;

/// <summary>Gathers entries in chunks, and writes them to a snapshot.</summary>
internal sealed class SnapshotEntries(SnapshotWriter writer)
{
    private readonly ArrayBufferWriter<byte> _chunk = new(2 * SnapshotWriter.ChunkBytes);

    /// <summary>The number of entries that were added.</summary>
    public long Count { get; private set; }

    /// <summary>Adds an entry: a put with a version. Its key must be greater than all keys before.</summary>
    public void Add(in Record entry)
    {
        int bytes = entry.Bytes;
        entry.Write(_chunk.GetSpan(bytes));
        _chunk.Advance(bytes);
        Count++;
        if (_chunk.WrittenCount >= SnapshotWriter.ChunkBytes) Flush();
    }

    /// <summary>Writes the last chunk.</summary>
    public void Flush()
    {
        if (_chunk.WrittenCount == 0) return;
        writer.WriteEntries(_chunk.WrittenSpan);
        _chunk.ResetWrittenCount();
    }
}
