namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The directory entries of a simulated disk: as read, as on disk, and the unsynced changes in between.</summary>
/// <remarks>
/// Each change reaches the disk independently. A change that is impossible there, such as a rename of a file that was never created, is
/// skipped. A file never has two names, and a name has one whole file or none.
/// </remarks>
internal sealed class SimulatedNames
{
    private readonly Dictionary<string, SimulatedFile> _current = [];
    private readonly Dictionary<string, SimulatedFile> _durable = [];
    private readonly List<NameChange> _unsynced = [];

    public IReadOnlyDictionary<string, SimulatedFile> Current => _current;

    /// <summary>The numbers of the unsynced changes.</summary>
    public IEnumerable<long> Unsynced => _unsynced.Select(unsynced => unsynced.Change);

    public SimulatedFile Create(string name, long change)
    {
        var file = new SimulatedFile();
        Add(new(change, null, name, file));
        return file;
    }

    public void Rename(string from, string to, long change) => Add(new(change, from, to, _current[from]));

    public void Delete(string name, long change) => Add(new(change, name, null, _current[name]));

    public void Sync()
    {
        foreach (NameChange unsynced in _unsynced) unsynced.ApplyTo(_durable);
        _unsynced.Clear();
    }

    /// <summary>Fails to sync, as <see cref="DiskFaults.SyncNames"/> describes.</summary>
    public void FailToSync(Random random)
    {
        int written = Math.Max(0, random.Next(-_unsynced.Count, _unsynced.Count + 1));
        foreach (NameChange unsynced in _unsynced.Take(written)) unsynced.ApplyTo(_durable);
        _unsynced.RemoveRange(0, written);
    }

    /// <summary>Creates or replaces a durable file.</summary>
    public void Set(string name, SimulatedFile file) => _current[name] = _durable[name] = file;

    /// <summary>Returns the directory entries after a crash, all of them durable.</summary>
    public SimulatedNames AfterCrash(CrashFlavour flavour, Random random)
    {
        Dictionary<string, SimulatedFile> names = new(_durable);
        foreach (NameChange unsynced in _unsynced)
            if (flavour.Keeps(unsynced.Change)) unsynced.ApplyTo(names);

        var survivors = new SimulatedNames();
        foreach ((string name, SimulatedFile file) in names.OrderBy(n => n.Key, StringComparer.Ordinal))
            survivors.Set(name, file.AfterCrash(flavour, random));
        return survivors;
    }

    private void Add(NameChange unsynced)
    {
        unsynced.ApplyTo(_current);
        _unsynced.Add(unsynced);
    }

    /// <summary>A creation has no old name, a deletion no new one.</summary>
    private sealed record NameChange(long Change, string? From, string? To, SimulatedFile File)
    {
        public void ApplyTo(Dictionary<string, SimulatedFile> names)
        {
            if (From is not null)
            {
                if (names.GetValueOrDefault(From) != File) return;
                names.Remove(From);
            }
            if (To is not null) names[To] = File;
        }
    }
}
