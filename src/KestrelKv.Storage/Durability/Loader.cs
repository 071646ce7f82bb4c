using System.Buffers;
using System.IO.Compression;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Durability;

/// <summary>
/// Brings entries and commits into a store that nobody else uses, with all cores: each has some of the shards, so that none
/// waits for another, and goes through everything. Without a store, only looks whether all can be read.
/// </summary>
/// <remarks>What is added is gathered in blocks; while one block is loaded, the next one is filled.</remarks>
internal sealed class Loader(Keyspace? store) : IDisposable
{
    private const int BlockBytes = 4 * 1024 * 1024;

    /// <summary>More would spend their time with going through what is not theirs.</summary>
    private const int PartsMax = 8;

    private readonly int _parts = Math.Min(Environment.ProcessorCount, PartsMax);
    private List<Item> _filling = [];
    private List<Item> _loading = [];
    private int _bytes;
    private Task _work = Task.CompletedTask;
    private long _entries;

    /// <summary>Whether a commit was added.</summary>
    public bool HasCommits { get; private set; }

    /// <summary>Adds what a frame has: entries, none of which is there, or a commit. All entries come before all commits.</summary>
    /// <param name="name">The file, for messages.</param>
    /// <param name="offset">Where in it the frame is.</param>
    /// <param name="frame">The frame's header.</param>
    /// <param name="payload">The frame's payload, of which a copy is kept.</param>
    /// <exception cref="DataException">Something that was added before can't be read.</exception>
    public void Add(string name, long offset, FrameHeader frame, ReadOnlySpan<byte> payload)
    {
        HasCommits |= frame.Kind == FrameKind.Commit;
        byte[] copy = ArrayPool<byte>.Shared.Rent(payload.Length);
        payload.CopyTo(copy);
        _filling.Add(new Item { Name = name, Offset = offset, Frame = frame, Bytes = copy });

        // All of a block is decompressed at once.
        _bytes += frame.Kind == FrameKind.CompressedEntries ? (int)Math.Clamp(frame.Number, payload.Length, Frame.PayloadBytesMax) : payload.Length;
        if (_bytes >= BlockBytes) Start();
    }

    /// <summary>Returns when all has been loaded.</summary>
    /// <returns>How many entries there were.</returns>
    /// <exception cref="DataException">Something that was added can't be read.</exception>
    public long Finish()
    {
        Start();
        Wait();
        return _entries;
    }

    /// <summary>Returns when what was begun is over.</summary>
    public void Dispose() => ((IAsyncResult)_work).AsyncWaitHandle.WaitOne();

    /// <summary>What a frame of entries has; null where it can't be read.</summary>
    /// <returns>A rented array; the frame's number is the length of what is in it.</returns>
    public static byte[]? Decompress(FrameHeader frame, ReadOnlySpan<byte> payload)
    {
        if (frame.Number is < 0 or > Frame.PayloadBytesMax) return null;
        byte[] entries = ArrayPool<byte>.Shared.Rent((int)frame.Number);
        if (BrotliDecoder.TryDecompress(payload, entries.AsSpan(0, (int)frame.Number), out int bytes) && bytes == frame.Number) return entries;
        ArrayPool<byte>.Shared.Return(entries);
        return null;
    }

    private void Start()
    {
        Wait();
        (_filling, _loading) = (_loading, _filling);
        _filling.Clear();
        _work = Task.Factory.StartNew(Load, _bytes >= BlockBytes / 16 ? _parts : 1, CancellationToken.None, TaskCreationOptions.None, TaskScheduler.Default);
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
            if (item.Frame.Kind == FrameKind.Commit) store!.Replay(records, item.Frame.Number, parts, part);
            else store!.Load(records, parts, part);
        }
    }

    /// <summary>What a frame has.</summary>
    private sealed class Item
    {
        public required string Name { get; init; }

        public required long Offset { get; init; }

        public required FrameHeader Frame { get; init; }

        /// <summary>Rented.</summary>
        public required byte[] Bytes { get; set; }

        /// <summary>How many of them count, once it is decoded.</summary>
        public int Length { get; private set; }

        /// <summary>How many entries it has.</summary>
        public int Entries { get; private set; }

        /// <summary>Why it can't be read.</summary>
        public DataException? Damage { get; private set; }

        /// <summary>Decompresses it where it is compressed, and checks every record.</summary>
        public void Decode()
        {
            Length = Frame.PayloadBytes;
            if (Frame.Kind == FrameKind.CompressedEntries)
            {
                byte[]? entries = Decompress(Frame, Bytes.AsSpan(0, Length));
                if (entries is null)
                {
                    Damage = Files.Damage.At(Name, Offset, "the entries can't be decompressed");
                    return;
                }
                ArrayPool<byte>.Shared.Return(Bytes);
                (Bytes, Length) = (entries, (int)Frame.Number);
            }

            bool areEntries = Frame.Kind != FrameKind.Commit;
            if (!Record.TryCount(Bytes.AsSpan(0, Length), areEntries, out int count))
                Damage = Files.Damage.At(Name, Offset, $"a record of the frame {Frame.Kind} {Frame.Number} can't be read");
            Entries = areEntries ? count : 0;
        }
    }
}
