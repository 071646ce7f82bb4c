using KestrelKv.Storage.Files;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>
/// A disk in memory that does what a real one may: after a crash it has lost, torn or reordered what was not synced, and
/// calls fail. For one thread.
/// </summary>
/// <param name="random">Decides everything.</param>
internal sealed class SimulatedDisk(Random random) : IDisk
{
    private SimulatedNames _names = new();
    private bool _inHook;

    /// <summary>How many calls have changed something: creations, renames, deletions, writes and syncs.</summary>
    public long Changes { get; private set; }

    /// <summary>The change, as <see cref="Changes"/> counts them, in which the process dies: it, and all calls after it, throw <see cref="SimulatedCrashException"/>.</summary>
    public long CrashAt { get; set; } = long.MaxValue;

    /// <summary>After so many more changes of names the process dies in the next change: between a rename and its sync, say, where few changes fall.</summary>
    public int CrashAfterNames { get; set; } = int.MaxValue;

    /// <summary>Whether the process has died.</summary>
    public bool HasCrashed { get; private set; }

    /// <summary>What fails.</summary>
    public DiskFaults Faults { get; set; } = DiskFaults.None;

    /// <summary>How many calls have failed, by <see cref="Faults"/> or for lack of space.</summary>
    public long Failures { get; private set; }

    /// <summary>What the lengths of all files may come to.</summary>
    public long CapacityBytes { get; set; } = long.MaxValue;

    /// <summary>What the lengths of all files come to.</summary>
    public long UsedBytes => _names.Current.Values.Sum(file => file.Length);

    /// <summary>How many bytes writes have had.</summary>
    public long WrittenBytes { get; private set; }

    /// <summary>Is called before each call does anything, but for those that it makes itself.</summary>
    public Action? BeforeOperation { get; set; }

    /// <summary>The disk that the next process finds, where only the process has died: all that was written, and what was synced of it. This one can't be used any more.</summary>
    public SimulatedDisk Kill()
    {
        HasCrashed = true;
        return new SimulatedDisk(random) { _names = _names, Changes = Changes, CapacityBytes = CapacityBytes };
    }

    /// <summary>The disk that the next process finds, where the machine has gone down. This one can't be used any more.</summary>
    public SimulatedDisk Crash()
    {
        HasCrashed = true;
        long[] unsynced = [.. _names.Unsynced.Concat(_names.Current.Values.SelectMany(file => file.Unsynced)).Distinct().Order()];
        CrashFlavour flavour = CrashFlavour.Any(random, unsynced);
        return new SimulatedDisk(random) { _names = _names.AfterCrash(flavour, random), CapacityBytes = CapacityBytes };
    }

    /// <summary>A disk of its own with the same files, all of it durable.</summary>
    public SimulatedDisk Copy()
    {
        var copy = new SimulatedDisk(random) { CapacityBytes = CapacityBytes };
        foreach (string name in _names.Current.Keys.Order(StringComparer.Ordinal)) copy.SetContents(name, GetContents(name));
        return copy;
    }

    /// <summary>All bytes of a file, without a call to the disk.</summary>
    public byte[] GetContents(string name)
    {
        SimulatedFile file = _names.Current[name];
        byte[] contents = new byte[file.Length];
        file.Read(contents, 0);
        return contents;
    }

    /// <summary>Puts a file there that is durable, in place of one that has the name, without a call to the disk.</summary>
    public void SetContents(string name, ReadOnlySpan<byte> contents) => _names.Set(name, new(contents));

    public IReadOnlyList<string> List()
    {
        Look(fails: 0);
        string[] names = [.. _names.Current.Keys];
        // A directory has no order.
        random.Shuffle(names);
        return names;
    }

    public IDiskFile Open(string name)
    {
        Look(Faults.Name);
        return new SimulatedOpenFile(this, Find(name));
    }

    public IDiskFile Create(string name)
    {
        if (_names.Current.ContainsKey(name)) throw new IOException($"{name} is there already.");
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
        Look(Faults.Read);
        return file.Read(buffer, offset);
    }

    internal void ReadFromDisk(SimulatedFile file)
    {
        Look(fails: 0);
        file.ForgetUnwritten();
    }

    internal long LengthOf(SimulatedFile file)
    {
        Look(fails: 0);
        return file.Length;
    }

    internal void Write(SimulatedFile file, ReadOnlySpan<byte> bytes, long offset)
    {
        byte[] copy = bytes.ToArray();
        WrittenBytes += copy.Length;
        long growth = Math.Max(0, offset + copy.Length - file.Length), free = Math.Max(0, CapacityBytes - UsedBytes);
        Change(
            Faults.Write, () => file.Write(copy, offset, Changes), full: growth > free ? 1 : Faults.Full,
            onFailure: () => file.Write(copy.AsSpan(0, random.Next((int)Math.Max(0, copy.Length - Math.Max(1, growth - free)) + 1)), offset, Changes));
    }

    internal void Truncate(SimulatedFile file, long length) => Change(Faults.Write, () => file.Truncate(length, Changes));

    internal void Sync(SimulatedFile file) => Change(Faults.Sync, file.Sync, onFailure: () => file.FailToSync(random));

    private SimulatedFile Find(string name) =>
        _names.Current.TryGetValue(name, out SimulatedFile? file) ? file : throw new FileNotFoundException($"There is no {name}.");

    /// <summary>A call that changes nothing.</summary>
    private void Look(double fails)
    {
        Enter();
        if (random.NextDouble() < fails) throw Failure(new IOException("A simulated fault."));
    }

    /// <summary>A call that changes something. Where it fails, or the process dies in it, it may have been done all the same.</summary>
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
