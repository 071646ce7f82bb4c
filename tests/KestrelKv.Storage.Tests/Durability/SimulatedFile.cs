namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The contents of a file in sectors: as read, as on disk, and the unsynced states in between.</summary>
/// <remarks>
/// The array of a sector never changes: a write replaces it, so files can share arrays. The bytes after the end of a file are zero.
/// Written data reaches the disk sector by sector, in any order, with or without the length. Other bytes of a sector survive a write to
/// it ("powersafe overwrite" in SQLite).
/// </remarks>
internal sealed class SimulatedFile
{
    public const int SectorBytes = 512;

    /// <summary>The maximum number of unsynced states of a sector. The oldest are dropped.</summary>
    private const int StatesMax = 8;

    private static readonly byte[] Zeros = new byte[SectorBytes];

    private readonly List<byte[]> _newest = [];
    private readonly List<byte[]> _durable = [];
    private readonly SortedDictionary<int, UnsyncedSector> _unsynced = [];
    private readonly List<(long Change, long Length)> _unsyncedLengths = [];
    private long _durableLength;

    public SimulatedFile(ReadOnlySpan<byte> contents = default)
    {
        Write(contents, 0, change: 0);
        Sync();
    }

    public long Length { get; private set; }

    /// <summary>The numbers of the unsynced changes.</summary>
    public IEnumerable<long> Unsynced =>
        _unsynced.Values.SelectMany(sector => sector.Changes).Concat(_unsyncedLengths.Select(l => l.Change));

    public int Read(Span<byte> buffer, long offset)
    {
        int count = (int)Math.Clamp(Length - offset, 0, buffer.Length);
        for (int done = 0; done < count;)
        {
            (int sector, int from) = Place(offset + done);
            ReadOnlySpan<byte> part = At(_newest, sector).AsSpan(from..Math.Min(SectorBytes, from + count - done));
            part.CopyTo(buffer[done..]);
            done += part.Length;
        }
        return count;
    }

    public void Write(ReadOnlySpan<byte> bytes, long offset, long change)
    {
        for (int done = 0; done < bytes.Length;)
        {
            (int sector, int from) = Place(offset + done);
            int to = Math.Min(SectorBytes, from + bytes.Length - done);
            byte[] content = [.. At(_newest, sector)];
            bytes[done..(done + to - from)].CopyTo(content.AsSpan(from));
            Set(_newest, sector, content);
            if (!_unsynced.TryGetValue(sector, out UnsyncedSector? states)) _unsynced[sector] = states = new();
            states.Add(content, change, from, to);
            done += to - from;
        }
        if (bytes.Length == 0 || offset + bytes.Length <= Length) return;
        Length = offset + bytes.Length;
        _unsyncedLengths.Add((change, Length));
    }

    /// <summary>Shortens the file. The bytes after the new end are zero if it grows again.</summary>
    public void Truncate(long length, long change)
    {
        if (length >= Length) return;
        Write(new byte[Length - length], length, change);
        Length = length;
        _unsyncedLengths.Add((change, length));
    }

    public void Sync()
    {
        foreach (int sector in _unsynced.Keys) Set(_durable, sector, _newest[sector]);
        _durableLength = Length;
        _unsynced.Clear();
        _unsyncedLengths.Clear();
    }

    /// <summary>Fails to sync, as <see cref="DiskFaults.Sync"/> describes.</summary>
    public void FailToSync(Random random)
    {
        double written = random.NextDouble() - 0.3, forgotten = random.NextDouble() * 1.5;
        foreach (int sector in _unsynced.Keys.ToArray())
        {
            if (random.NextDouble() < written) Set(_durable, sector, _newest[sector]);
            else if (random.NextDouble() >= forgotten) continue;
            _unsynced.Remove(sector);
        }
    }

    /// <summary>Drops data that is not on disk and that no later sync writes, because its sync failed.</summary>
    public void ForgetUnwritten()
    {
        for (int sector = 0; sector < _newest.Count; sector++)
            if (!_unsynced.ContainsKey(sector)) _newest[sector] = At(_durable, sector);
    }

    /// <summary>Returns the file after a crash, all of it durable.</summary>
    public SimulatedFile AfterCrash(CrashFlavour flavour, Random random)
    {
        var survivor = new SimulatedFile();
        survivor._durable.AddRange(_durable);
        foreach ((int sector, UnsyncedSector states) in _unsynced)
        {
            int kept = flavour.StateOf(states.Changes);
            byte[] content = kept < 0 ? At(_durable, sector) : states.Contents[kept];
            Set(
                survivor._durable, sector,
                flavour.Garbles() ? states.Garble(content, At(_newest, random.Next(_newest.Count)), random) : content);
        }

        int length = flavour.StateOf([.. _unsyncedLengths.Select(l => l.Change)]);
        survivor.Length = survivor._durableLength = length < 0 ? _durableLength : _unsyncedLengths[length].Length;
        survivor.CutAtLength();
        survivor._newest.AddRange(survivor._durable);
        return survivor;
    }

    private void CutAtLength()
    {
        (int last, int used) = Place(Length);
        if (_durable.Count > last) _durable[last] = [.. _durable[last].AsSpan(0, used), .. Zeros.AsSpan(used)];
        if (_durable.Count > last + 1) _durable.RemoveRange(last + 1, _durable.Count - last - 1);
    }

    private static (int Sector, int Offset) Place(long offset) => ((int)(offset / SectorBytes), (int)(offset % SectorBytes));

    private static byte[] At(List<byte[]> sectors, int sector) => sector < sectors.Count ? sectors[sector] : Zeros;

    private static void Set(List<byte[]> sectors, int sector, byte[] content)
    {
        while (sectors.Count <= sector) sectors.Add(Zeros);
        sectors[sector] = content;
    }

    private sealed class UnsyncedSector
    {
        private int _from = SectorBytes;
        private int _to;

        public List<byte[]> Contents { get; } = [];

        public List<long> Changes { get; } = [];

        public void Add(byte[] content, long change, int from, int to)
        {
            if (Contents.Count == StatesMax)
            {
                Contents.RemoveAt(0);
                Changes.RemoveAt(0);
            }
            Contents.Add(content);
            Changes.Add(change);
            (_from, _to) = (Math.Min(_from, from), Math.Max(_to, to));
        }

        /// <summary>Damages the written part of a sector: noise, a torn write, foreign data or a flipped bit.</summary>
        public byte[] Garble(byte[] content, byte[] elsewhere, Random random)
        {
            byte[] garbled = [.. content];
            int at = random.Next(_from, _to);
            switch (random.Next(4))
            {
                case 0:
                    random.NextBytes(garbled.AsSpan(at.._to));
                    break;
                case 1:
                    Contents[random.Next(Contents.Count)].AsSpan(_from..at).CopyTo(garbled.AsSpan(_from));
                    break;
                case 2:
                    elsewhere.AsSpan(at.._to).CopyTo(garbled.AsSpan(at));
                    break;
                default:
                    garbled[at] ^= (byte)(1 << random.Next(8));
                    break;
            }
            return garbled;
        }
    }
}
