using System.Buffers;
using System.IO.Compression;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>
/// Loads entries and commits into a keyspace that no other thread uses, on all cores. Each core scans all changes and loads those of
/// its own shards, so no core waits for another. Without a keyspace it only validates them.
/// </summary>
/// <remarks>Log records are gathered in blocks. The next block is filled while the previous one is loaded.</remarks>
internal sealed class Loader(Keyspace? store) : IDisposable
{
    private const int BlockBytes = 4 * 1024 * 1024;

    /// <summary>With more parts, scanning the changes of other parts would take most of the time.</summary>
    private const int PartsMax = 8;

    private readonly int _parts = Math.Min(Environment.ProcessorCount, PartsMax);
    private List<Item> _filling = [];
    private List<Item> _loading = [];
    private int _bytes;
    private Task _work = Task.CompletedTask;
    private long _entries;

    public bool HasCommits { get; private set; }

    /// <summary>
    /// Adds a copy of a log record: a commit, or entries that do not exist yet. All entries must be added before all commits.
    /// </summary>
    /// <exception cref="DataException">A record added before cannot be decoded.</exception>
    public void Add(string name, long offset, LogRecordHeader logRecord, ReadOnlySpan<byte> payload)
    {
        HasCommits |= logRecord.Kind == LogRecordKind.Commit;
        byte[] copy = ArrayPool<byte>.Shared.Rent(payload.Length);
        payload.CopyTo(copy);
        _filling.Add(new Item { Name = name, Offset = offset, LogRecord = logRecord, Bytes = copy });

        // All records of a block are decompressed at once.
        _bytes += logRecord.Kind == LogRecordKind.CompressedEntries
            ? (int)Math.Clamp(logRecord.Number, payload.Length, LogRecord.PayloadBytesMax)
            : payload.Length;
        if (_bytes >= BlockBytes) Start();
    }

    /// <summary>Waits until everything is loaded.</summary>
    /// <returns>The number of entries.</returns>
    /// <exception cref="DataException">A record cannot be decoded.</exception>
    public long Finish()
    {
        Start();
        Wait();
        return _entries;
    }

    /// <summary>Waits until the current block is loaded.</summary>
    public void Dispose() => ((IAsyncResult)_work).AsyncWaitHandle.WaitOne();

    /// <summary>Decompresses entries; returns null if they are damaged.</summary>
    /// <returns>A rented array. The number of the record is the length of its contents.</returns>
    public static byte[]? Decompress(LogRecordHeader logRecord, ReadOnlySpan<byte> payload)
    {
        if (logRecord.Number is < 0 or > LogRecord.PayloadBytesMax) return null;
        byte[] entries = ArrayPool<byte>.Shared.Rent((int)logRecord.Number);
        if (BrotliDecoder.TryDecompress(payload, entries.AsSpan(0, (int)logRecord.Number), out int bytes) && bytes == logRecord.Number)
            return entries;
        ArrayPool<byte>.Shared.Return(entries);
        return null;
    }

    private void Start()
    {
        Wait();
        (_filling, _loading) = (_loading, _filling);
        _filling.Clear();
        _work = Task.Factory.StartNew(
            Load, _bytes >= BlockBytes / 16 ? _parts : 1, CancellationToken.None, TaskCreationOptions.None, TaskScheduler.Default);
        _bytes = 0;
    }

    private void Wait() => _work.GetAwaiter().GetResult();

    private void Load(object? state)
    {
        int parts = (int)state!;
        List<Item> items = _loading;
        if (parts == 1)
        {
            foreach (Item item in items) item.Decode();
            if (store is not null) LoadPart(items, parts, 0);
        }
        else
        {
            Parallel.For(0, items.Count, i => items[i].Decode());
            if (store is not null) Parallel.For(0, parts, part => LoadPart(items, parts, part));
        }
        foreach (Item item in items)
        {
            if (item.Damage is not null) throw item.Damage;
            _entries += item.Entries;
            ArrayPool<byte>.Shared.Return(item.Bytes);
        }
    }

    private void LoadPart(List<Item> items, int parts, int part)
    {
        foreach (Item item in items)
        {
            if (item.Damage is not null) return;
            ReadOnlySpan<byte> records = item.Bytes.AsSpan(0, item.Length);
            if (item.LogRecord.Kind == LogRecordKind.Commit) store!.Replay(records, item.LogRecord.Number, parts, part);
            else store!.Load(records, parts, part);
        }
    }

    private sealed class Item
    {
        public required string Name { get; init; }

        public required long Offset { get; init; }

        public required LogRecordHeader LogRecord { get; init; }

        /// <summary>A rented array.</summary>
        public required byte[] Bytes { get; set; }

        /// <summary>The length of the decoded payload.</summary>
        public int Length { get; private set; }

        public int Entries { get; private set; }

        /// <summary>The error if the record cannot be decoded.</summary>
        public DataException? Damage { get; private set; }

        /// <summary>Decompresses the payload if necessary, and validates every change.</summary>
        public void Decode()
        {
            Length = LogRecord.PayloadBytes;
            if (LogRecord.Kind == LogRecordKind.CompressedEntries)
            {
                byte[]? entries = Decompress(LogRecord, Bytes.AsSpan(0, Length));
                if (entries is null)
                {
                    Damage = Files.Damage.At(Name, Offset, "the entries cannot be decompressed");
                    return;
                }
                ArrayPool<byte>.Shared.Return(Bytes);
                (Bytes, Length) = (entries, (int)LogRecord.Number);
            }

            bool areEntries = LogRecord.Kind != LogRecordKind.Commit;
            if (!Record.TryCount(Bytes.AsSpan(0, Length), areEntries, out int count))
                Damage = Files.Damage.At(Name, Offset, $"a change in the record {LogRecord.Kind} {LogRecord.Number} cannot be decoded");
            Entries = areEntries ? count : 0;
        }
    }
}
