namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The names of a simulated disk's files: as they are, as they are on disk, and the changes in between.</summary>
/// <remarks>
/// Each change reaches the disk by itself; one that makes no sense there (a file is renamed that was never created, say)
/// is left out. No file ever has two names, and a name always has one whole file or none.
/// </remarks>
internal sealed class SimulatedNames
{
    private readonly Dictionary<string, SimulatedFile> _current = [];
    private readonly Dictionary<string, SimulatedFile> _durable = [];
    private readonly List<NameChange> _unsynced = [];

    public IReadOnlyDictionary<string, SimulatedFile> Current => _current;

    /// <summary>The numbers of the changes that were not synced.</summary>
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

    /// <summary>A sync that fails, as <see cref="DiskFaults.SyncNames"/> tells.</summary>
    public void FailToSync(Random random)
    {
        int written = Math.Max(0, random.Next(-_unsynced.Count, _unsynced.Count + 1));
        foreach (NameChange unsynced in _unsynced.Take(written)) unsynced.ApplyTo(_durable);
        _unsynced.RemoveRange(0, written);
    }

    /// <summary>Puts a file there that is durable, in place of one that has the name.</summary>
    public void Set(string name, SimulatedFile file) => _current[name] = _durable[name] = file;

    /// <summary>What is there after a crash, all of it durable.</summary>
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

    /// <summary>A creation has no name before, a deletion none after.</summary>
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
