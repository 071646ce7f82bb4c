using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Durability;

/// <summary>
/// Makes commits again in a store, with all cores: each has some shards, and goes through all commits. Without a store,
/// only looks whether they can be read.
/// </summary>
internal sealed class Replay(EmbeddedStore? store)
{
    private const int BlockBytes = 4 * 1024 * 1024;

    /// <summary>More would spend their time with reading what is not theirs.</summary>
    private const int PartsMax = 8;

    private readonly int _parts = Math.Min(Environment.ProcessorCount, PartsMax);
    private Block _filling = new();
    private Block _replaying = new();
    private Task _work = Task.CompletedTask;

    /// <summary>Whether no commit was added.</summary>
    public bool IsEmpty { get; private set; } = true;

    /// <summary>Adds a commit.</summary>
    /// <param name="version">Its version.</param>
    /// <param name="records">Its records, of which copies are kept.</param>
    /// <returns>False where they can't be read.</returns>
    public bool Add(long version, ReadOnlySpan<byte> records)
    {
        for (ReadOnlySpan<byte> rest = records; !rest.IsEmpty;)
            if (!Record.TryRead(ref rest, out _)) return false;
        IsEmpty = false;
        if (store is null) return true;
        _filling.Add(version, records);
        if (_filling.Bytes >= BlockBytes) Start();
        return true;
    }

    /// <summary>Returns when all have been made.</summary>
    public void Finish()
    {
        Start();
        _work.Wait();
    }

    private void Start()
    {
        _work.Wait();
        if (store is null) return;
        (_filling, _replaying) = (_replaying, _filling);
        _filling.Clear();
        Block block = _replaying;
        _work = _parts == 1 || block.Bytes < BlockBytes / 16
            ? Run(() => block.Replay(store, 1, 0))
            : Task.Run(() => Parallel.For(0, _parts, part => block.Replay(store, _parts, part)));
    }

    private static Task Run(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    /// <summary>Commits, one behind the other.</summary>
    private sealed class Block
    {
        private readonly List<(long Version, int Start, int Length)> _commits = [];
        private byte[] _bytes = GC.AllocateUninitializedArray<byte>(64 * 1024);

        public int Bytes { get; private set; }

        public void Clear()
        {
            _commits.Clear();
            Bytes = 0;
        }

        public void Add(long version, ReadOnlySpan<byte> records)
        {
            int end = checked(Bytes + records.Length);
            if (end > _bytes.Length) Array.Resize(ref _bytes, (int)Math.Clamp(_bytes.Length * 2L, end, Array.MaxLength));
            records.CopyTo(_bytes.AsSpan(Bytes));
            _commits.Add((version, Bytes, records.Length));
            Bytes = end;
        }

        public void Replay(EmbeddedStore to, int parts, int part)
        {
            foreach ((long version, int start, int length) in _commits) to.Replay(_bytes.AsSpan(start, length), version, parts, part);
        }
    }
}
