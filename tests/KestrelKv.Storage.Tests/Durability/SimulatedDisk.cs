using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// A disk in memory that fails as a real one may: after a crash, unsynced data is lost, torn or reordered, and calls fail. Not
/// thread-safe.
/// </summary>
internal sealed class SimulatedDisk(Random random) : IDisk
{
    private SimulatedNames _names = new();
    private bool _inHook;

    /// <summary>The number of calls that changed something: creations, renames, deletions, writes and syncs.</summary>
    public long Changes { get; private set; }

    /// <summary>
    /// The number of the change at which the process dies. This change and all later calls throw <see cref="SimulatedCrashException"/>.
    /// </summary>
    public long CrashAt { get; set; } = long.MaxValue;

    /// <summary>
    /// The number of changes of directory entries after which the process dies at the next change. Thus it can die between a rename and
    /// its sync, which few changes separate.
    /// </summary>
    public int CrashAfterNames { get; set; } = int.MaxValue;

    public bool HasCrashed { get; private set; }

    public DiskFaults Faults { get; set; } = DiskFaults.None;

    /// <summary>The number of calls that failed, because of <see cref="Faults"/> or a lack of space.</summary>
    public long Failures { get; private set; }

    public long CapacityBytes { get; set; } = long.MaxValue;

    public long UsedBytes => _names.Current.Values.Sum(file => file.Length);

    /// <summary>The total number of bytes in writes, including failed ones.</summary>
    public long WrittenBytes { get; private set; }

    /// <summary>Called before each call is executed, except for calls that it makes itself.</summary>
    public Action? BeforeOperation { get; set; }

    /// <summary>
    /// Returns the disk for the next process after the process died but not the machine. All written data is kept, synced or not. This
    /// disk can no longer be used.
    /// </summary>
    public SimulatedDisk Kill()
    {
        HasCrashed = true;
        return new SimulatedDisk(random) { _names = _names, Changes = Changes, CapacityBytes = CapacityBytes };
    }

    /// <summary>Returns the disk for the next process after the machine crashed. This disk can no longer be used.</summary>
    public SimulatedDisk Crash()
    {
        HasCrashed = true;
        long[] unsynced = [.. _names.Unsynced.Concat(_names.Current.Values.SelectMany(file => file.Unsynced)).Distinct().Order()];
        CrashFlavour flavour = CrashFlavour.Any(random, unsynced);
        return new SimulatedDisk(random) { _names = _names.AfterCrash(flavour, random), CapacityBytes = CapacityBytes };
    }

    /// <summary>Returns an independent disk with the same files, all durable.</summary>
    public SimulatedDisk Copy()
    {
        var copy = new SimulatedDisk(random) { CapacityBytes = CapacityBytes };
        foreach (string name in _names.Current.Keys.Order(StringComparer.Ordinal)) copy.SetContents(name, GetContents(name));
        return copy;
    }

    /// <summary>Returns the contents of a file without a call to the disk.</summary>
    public byte[] GetContents(string name)
    {
        SimulatedFile file = _names.Current[name];
        byte[] contents = new byte[file.Length];
        file.Read(contents, 0);
        return contents;
    }

    /// <summary>Creates or replaces a durable file without a call to the disk.</summary>
    public void SetContents(string name, ReadOnlySpan<byte> contents) => _names.Set(name, new(contents));

    public IReadOnlyList<string> List()
    {
        Inspect(fails: 0);
        string[] names = [.. _names.Current.Keys];
        // The entries of a directory have no order.
        random.Shuffle(names);
        return names;
    }

    public IDiskFile Open(string name)
    {
        Inspect(Faults.Name);
        return new SimulatedOpenFile(this, Find(name));
    }

    public IDiskFile Create(string name)
    {
        if (_names.Current.ContainsKey(name)) throw new IOException($"{name} exists already.");
        SimulatedFile? file = null;
        Change(Faults.Name, () => file = _names.Create(name, Changes), full: Faults.Full);
        CountName();
        return new SimulatedOpenFile(this, file!);
    }

    public void Rename(string from, string to)
    {
        Find(from);
        Change(Faults.Name, () => _names.Rename(from, to, Changes));
        CountName();
    }

    public void Delete(string name)
    {
        Find(name);
        Change(Faults.Name, () => _names.Delete(name, Changes));
        CountName();
    }

    public long AvailableBytes => CapacityBytes == long.MaxValue ? long.MaxValue : Math.Max(0, CapacityBytes - UsedBytes);

    public void Verify()
    {
    }

    public void SyncNames() => Change(Faults.SyncNames, _names.Sync, onFailure: () => _names.FailToSync(random));

    internal int Read(SimulatedFile file, Span<byte> buffer, long offset)
    {
        Inspect(Faults.Read);
        return file.Read(buffer, offset);
    }

    internal void DropPageCache(SimulatedFile file)
    {
        Inspect(fails: 0);
        file.ForgetUnwritten();
    }

    internal long LengthOf(SimulatedFile file)
    {
        Inspect(fails: 0);
        return file.Length;
    }

    internal void Write(SimulatedFile file, ReadOnlySpan<byte> bytes, long offset)
    {
        byte[] copy = bytes.ToArray();
        WrittenBytes += copy.Length;
        long growth = Math.Max(0, offset + copy.Length - file.Length), free = Math.Max(0, CapacityBytes - UsedBytes);
        Change(
            Faults.Write, () => file.Write(copy, offset, Changes), full: growth > free ? 1 : Faults.Full,
            onFailure: () =>
                file.Write(copy.AsSpan(0, random.Next((int)Math.Max(0, copy.Length - Math.Max(1, growth - free)) + 1)), offset, Changes));
    }

    internal void Truncate(SimulatedFile file, long length) => Change(Faults.Write, () => file.Truncate(length, Changes));

    internal void Sync(SimulatedFile file) => Change(Faults.Sync, file.Sync, onFailure: () => file.FailToSync(random));

    private SimulatedFile Find(string name) =>
        _names.Current.TryGetValue(name, out SimulatedFile? file) ? file : throw new FileNotFoundException($"{name} does not exist.");

    /// <summary>Executes a call that changes nothing.</summary>
    private void Inspect(double fails)
    {
        Enter();
        if (random.NextDouble() < fails) throw Failure(new IOException("A simulated fault."));
    }

    /// <summary>Executes a call that changes something. If it fails, or the process dies in it, the change may still be done.</summary>
    private void Change(double fails, Action change, double full = 0, Action? onFailure = null)
    {
        Enter();
        Changes++;
        bool isFull = random.NextDouble() < full;
        if (Changes >= CrashAt)
        {
            HasCrashed = true;
            if (!isFull && random.Next(2) == 0) change();
            throw new SimulatedCrashException();
        }
        if (isFull || random.NextDouble() < fails)
        {
            onFailure?.Invoke();
            throw Failure(isFull ? new DiskFullException("No space left, a simulated fault.") : new IOException("A simulated fault."));
        }
        change();
    }

    private void CountName()
    {
        if (--CrashAfterNames == 0) CrashAt = Changes + 1;
    }

    private void Enter()
    {
        if (HasCrashed) throw new SimulatedCrashException();
        if (BeforeOperation is null || _inHook) return;
        _inHook = true;
        try
        {
            BeforeOperation();
        }
        finally
        {
            _inHook = false;
        }
        if (HasCrashed) throw new SimulatedCrashException();
    }

    private IOException Failure(IOException failure)
    {
        Failures++;
        return failure;
    }
}
