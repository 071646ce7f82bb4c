using System.Collections.Concurrent;
using System.IO.Compression;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Durability;

/// <summary>Reads snapshots: into a store, with all cores, or just to see whether they are whole.</summary>
internal static class SnapshotReader
{
    private const int ChunksAheadMax = 32;

    /// <summary>Reads a snapshot as a whole.</summary>
    /// <param name="file">Its file.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <param name="store">A store that has nothing yet and takes what the snapshot has; null to only check it.</param>
    /// <param name="onProgress">Is told after each frame how many bytes are read.</param>
    /// <exception cref="DataException">It is damaged.</exception>
    public static (FileHeader Header, SnapshotEnd End) Read(IDiskFile file, string name, EmbeddedStore? store, Action<long>? onProgress = null)
    {
        (FileHeader header, uint seed) = FileHeader.Read(file, name, FileKind.Snapshot);
        var scanner = new FrameScanner(file, seed);
        using var loaders = new Loaders(name, store);
        Replay? replay = null;
        long last = header.Number;
        while (true)
        {
            long offset = scanner.Offset;
            Scan scan = scanner.Next(out FrameHeader frame, out ReadOnlySpan<byte> payload);
            if (scan != Scan.Frame)
                throw Damage.At(name, offset, scan == Scan.End ? "the file ends before its last frame" : scanner.Reason);

            onProgress?.Invoke(scanner.Offset);
            switch (frame.Kind)
            {
                case FrameKind.Entries or FrameKind.CompressedEntries when replay is null:
                    loaders.Add(offset, frame, payload);
                    break;
                case FrameKind.Commit when frame.Number == last + 1:
                    last++;
                    if (replay is null)
                    {
                        // What happened to entries meanwhile comes after all entries.
                        loaders.Finish();
                        replay = new Replay(store);
                    }
                    if (!replay.Add(frame.Number, payload)) throw Damage.At(name, offset, "the records of a commit can't be read");
                    break;
                case FrameKind.SnapshotEnd when frame.PayloadBytes == SnapshotEnd.PayloadBytes && frame.Number == last:
                    loaders.Finish();
                    replay?.Finish();
                    SnapshotEnd end = SnapshotEnd.Read(frame.Number, payload);
                    if (loaders.Entries != end.Entries) throw Damage.At(name, offset, $"it has {loaders.Entries} entries, expected {end.Entries}");
                    if (scanner.Offset != file.Length) throw Damage.At(name, scanner.Offset, "there is more behind its last frame");
                    return (header, end);
                default:
                    throw Damage.At(name, offset, $"a frame {frame.Kind} {frame.Number} is not expected here");
            }
        }
    }

    /// <summary>What a frame of entries has; null where it can't be read.</summary>
    public static byte[]? Decompress(FrameHeader frame, ReadOnlySpan<byte> payload)
    {
        if (frame.Number is < 0 or > Frame.PayloadBytesMax) return null;
        if (frame.Kind == FrameKind.Entries) return frame.Number == payload.Length ? payload.ToArray() : null;
        byte[] entries = GC.AllocateUninitializedArray<byte>((int)frame.Number);
        return BrotliDecoder.TryDecompress(payload, entries, out int bytes) && bytes == entries.Length ? entries : null;
    }

    /// <summary>Counts the entries without loading them; -1 where they can't be read.</summary>
    private static int Count(ReadOnlySpan<byte> entries)
    {
        int count = 0;
        for (; !entries.IsEmpty; count++)
            if (!Record.TryRead(ref entries, out Record record) || record.Kind != RecordKind.Put || record.Version <= 0) return -1;
        return count;
    }

    /// <summary>The threads that decompress and load entries, while the next ones are read.</summary>
    private sealed class Loaders : IDisposable
    {
        private readonly string _name;
        private readonly EmbeddedStore? _store;
        private readonly BlockingCollection<(long Offset, FrameHeader Frame, byte[] Payload)> _frames = new(ChunksAheadMax);
        private readonly Task[] _tasks;
        private DataException? _damage;
        private long _entries;

        public Loaders(string name, EmbeddedStore? store)
        {
            _name = name;
            _store = store;
            _tasks = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Task.Factory.StartNew(
                Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        }

        public long Entries => Interlocked.Read(ref _entries);

        public void Add(long offset, FrameHeader frame, ReadOnlySpan<byte> payload)
        {
            if (_damage is not null) throw _damage;
            _frames.Add((offset, frame, payload.ToArray()));
        }

        /// <summary>Returns when all have been loaded.</summary>
        public void Finish()
        {
            _frames.CompleteAdding();
            Task.WaitAll(_tasks);
            if (_damage is not null) throw _damage;
        }

        public void Dispose()
        {
            _frames.CompleteAdding();
            Task.WaitAll(_tasks);
            _frames.Dispose();
        }

        private void Run()
        {
            foreach ((long offset, FrameHeader frame, byte[] payload) in _frames.GetConsumingEnumerable())
            {
                if (_damage is not null) continue;
                byte[]? entries = Decompress(frame, payload);
                int count = entries is null ? -1 : _store?.Load(entries) ?? Count(entries);
                if (count < 0) _damage = Damage.At(_name, offset, "the entries of a frame can't be read");
                else Interlocked.Add(ref _entries, count);
            }
        }
    }
}
