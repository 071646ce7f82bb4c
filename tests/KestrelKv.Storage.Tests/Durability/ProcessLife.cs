using System.Text;
using KestrelKv.Storage.Tests.Feed;
using KestrelKv.Storage.Tests.Soak;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>One process's life: from the recovery until it dies, step by step.</summary>
internal sealed class ProcessLife : IDisposable
{
    private static readonly ListQuery Everything = new() { Limit = int.MaxValue };

    private readonly World _world;
    private readonly SimulatedDisk _disk;
    private readonly DrivenStore _store;
    private readonly Random _random;
    private readonly CommitHistory _history;
    private readonly List<PendingCall> _pending = [];

    /// <summary>How many of a hundred steps write, sync and so on: some processes lag behind, some don't.</summary>
    private readonly int _diskPercent;

    /// <summary>At how many of a hundred operations of the disk something else goes on.</summary>
    private readonly int _callsPercent;

    /// <summary>The version at which the store was last seen to have what the history has.</summary>
    private long _comparedAt;

    /// <summary>Calls of the process before whose effects were lost, to be issued again.</summary>
    private readonly Queue<IssuedCall> _again;

    private ProcessLife(World world, SimulatedDisk disk, DrivenStore store)
    {
        (_world, _disk, _store) = (world, disk, store);
        (_random, _history) = (world.Random, world.History);
        _diskPercent = _random.Next(10, 60);
        _callsPercent = _random.Next(2) * _random.Next(30);

        // What a client does that has got no answer: so frames may come to lie where the same ones were lost.
        long recovered = _history.WithStarts(store.LastRecovered);
        _again = new(_random.Next(2) == 0 ? world.Issued.Where(call => call.After >= recovered) : []);
        world.Issued.Clear();
        Compare(recovered);
        _history.Start(store.Version);
        foreach (FeedWitness witness in world.Witnesses) witness.Watch(store.Calls, recovered);
        _disk.BeforeOperation = BeforeOperation;
    }

    /// <summary>Recovers what is on a disk, and holds it against the history.</summary>
    public static ProcessLife Open(World world, SimulatedDisk disk)
    {
        DrivenStore store = DrivenStore.Open(world.Profile.Wrap(disk), world.Profile, world.Time);
        world.Counts.Recoveries++;
        return new(world, disk, store);
    }

    public void Dispose()
    {
        _disk.BeforeOperation = null;
        if (_world.Profile.Evicts) FindEvicted();
        _world.Thread!.Forget();
        _store.Dispose();
    }

    /// <summary>Something, at random.</summary>
    public void Step()
    {
        if (_random.Next(100) < _diskPercent) DriveDisk();
        else Call();
        if (_random.Next(3) == 0) ReadFeed();
        _world.Thread!.Run();
        Collect();
        if (_world.Profile.Evicts) FindEvicted();
    }

    /// <summary>Puts as much as the memory can hold.</summary>
    public void Fill()
    {
        byte[] value = new byte[2_000];
        Array.Fill(value, (byte)'x');
        for (int i = 0; i < 500; i++) Issue(new(_history.Last, [Operation.Put(Encoding.ASCII.GetBytes($"fill:{i:D7}"), value)], IsBatch: false));
        Drain();
        FindEvicted();
    }

    /// <summary>All calls that have completed may be shown: what they depend on must be there from now on.</summary>
    public void Collect()
    {
        _history.Acknowledge(_store.DurableVersion);
        for (int i = 0; i < _pending.Count; i++)
        {
            PendingCall call = _pending[i];
            if (call.Wrong is { } wrong) throw new LostDataException(wrong);
            if (!call.IsCompleted) continue;
            _pending.RemoveAt(i--);
            if (!call.Succeeds())
            {
                _world.Counts.LostCalls++;
                if (_disk.Failures == 0) throw new LostDataException("A call failed, but not the disk.");
                continue;
            }
            if (call.Wrong is { } wrongAtEnd) throw new LostDataException(wrongAtEnd);
            _world.Counts.Acknowledged++;
            if (_world.Profile.Mode == DurabilityMode.Always) _history.Acknowledge(call.Shown);
        }
    }

    /// <summary>Nothing new comes, and there is space: everything that waits must come to its end.</summary>
    public void Quiesce()
    {
        _disk.BeforeOperation = null;
        _disk.Faults = DiskFaults.None;
        _disk.CapacityBytes = long.MaxValue;
        Drain();
        if (_pending.Count > 0) throw new LostDataException($"{_pending.Count} calls wait for ever.");
        if (_store.HasFailed) return;
        CompareFeed();

        // And the disk is not full any more.
        Operation[] put = [Operation.Put("space"u8.ToArray(), "1"u8.ToArray())];
        ShownResults results = Execute(new(_history.Last, put, IsBatch: false));
        Drain();
        if (_pending.Count > 0) throw new LostDataException("There is space, but a write waits for ever.");
        if (results.Version == 0) throw new LostDataException("There is space, but a write was refused.");
    }

    /// <summary>Ends the process as it should end; then nothing is lost.</summary>
    public void Close()
    {
        if (_random.Next(2) == 0) Snapshot();
        _disk.BeforeOperation = null;
        Drain();
        if (_random.Next(2) == 0) _store.Mark();
        if (_disk.Failures == 0 && _store.DurableVersion < _store.Version) throw new LostDataException("Not all that was committed has been synced.");
    }

    /// <summary>Writes until nothing more waits: calls may have to wait for one segment after the other.</summary>
    private void Drain()
    {
        const int RoundsMax = 200;
        int rounds = 0;
        do
        {
            _store.Write(sync: true);
            _world.Thread!.Run();
            Collect();
        }
        while (++rounds < RoundsMax && (_pending.Count > 0 || _store.DurableVersion < _store.Version));
    }

    /// <summary>Calls go on meanwhile; and while a snapshot is taken, so does the writing of the log.</summary>
    private void BeforeOperation()
    {
        if (_random.Next(100) >= _callsPercent) return;
        if (_random.Next(100) < _diskPercent) _store.Write(_random.Next(2) == 0);
        else if (_random.Next(4) == 0) ReadFeed();
        else Call();
    }

    private void DriveDisk()
    {
        switch (_random.Next(20))
        {
            case < 16:
                _store.Write(sync: _world.Profile.Mode == DurabilityMode.Always || _random.Next(5) == 0);
                break;
            case 16:
                _store.Mark();
                break;
            case 17:
                Snapshot();
                break;
            case > 17 when _disk.CapacityBytes != long.MaxValue:
                _disk.CapacityBytes = Math.Max(0, _disk.UsedBytes + _random.Next(-5_000, 20_000));
                break;
        }
    }

    private void ReadFeed()
    {
        if (_random.Next(2) == 0) _store.DispatchFeed();
        _world.Witnesses[_random.Next(_world.Witnesses.Count)].Read(_random.Next(3) == 0 ? 1 + _random.UpTo(20) : int.MaxValue);
    }

    /// <summary>All is written: what the feed has told is what is there.</summary>
    private void CompareFeed()
    {
        _store.DispatchFeed();
        foreach (FeedWitness witness in _world.Witnesses) witness.Compare(ListEverything(mayWait: true));
    }

    private void Call()
    {
        if (_again.TryDequeue(out IssuedCall? again))
        {
            Issue(again with { After = _history.Last });
            return;
        }
        switch (_random.Next(20))
        {
            case < 10:
                Issue(new(_history.Last, Some(), IsBatch: false));
                break;
            case < 15:
                Issue(new(_history.Last, Some(), IsBatch: true));
                break;
            case < 18:
                List(_world.Operations.Query());
                break;
            default:
                _world.Time.Advance(TimeSpan.FromMilliseconds(_random.UpTo(1_500)));
                break;
        }

        Operation[] Some() =>
            [.. _world.Operations.Batch().Select(operation => operation with { AcknowledgeFromMemory = _random.Next(15) == 0 })];
    }

    private void Issue(IssuedCall call)
    {
        _world.Issued.Add(call);
        if (call.IsBatch) Commit(call);
        else Execute(call);
    }

    private ShownResults Execute(IssuedCall call)
    {
        ShownResults results = Results(call);
        _pending.Add(new PendingCall<int>(
            _store.Calls.ExecuteAsync(call.Operations, results), () => results.Version, () => results.Wrong,
            executed => Assert.Equal(call.Operations.Length, executed)));
        return results;
    }

    private void Commit(IssuedCall call)
    {
        ShownResults results = Results(call);
        _pending.Add(new PendingCall<bool>(
            _store.Calls.CommitAsync(call.Operations, results), () => results.Version, () => results.Wrong, _ => { }));
    }

    private ShownResults Results(IssuedCall call) => new(_history, call.Operations, _world.Now, call.IsBatch)
    {
        EvictsAfter = _world.Profile.Evicts ? () => _comparedAt : null,
        OnRefusal = () => _world.Counts.Refused++,
        MayWrite = () => !_store.HasFailed,
    };

    private void List(ListQuery query)
    {
        if (_world.Profile.Evicts) FindEvicted();
        var entries = new ShownEntries(_history, query, _world.Now());
        _pending.Add(new PendingCall<bool>(
            _store.Calls.ListAsync(query, entries), () => entries.Version, () => entries.Wrong, _ => entries.End()));
    }

    private void Snapshot()
    {
        try
        {
            _history.Acknowledge(_store.Snapshot().Version);
            _world.Counts.Snapshots++;
        }
        catch (Exception e) when (e is IOException or DurabilityLostException && _disk.Failures > 0)
        {
            _world.Counts.FailedSnapshots++;
        }
    }

    /// <summary>What was recovered is what it should be, and from now on everybody may see it.</summary>
    private void Compare(long recovered)
    {
        if (recovered < _history.Last) _world.Counts.Losses++;
        _history.Recover(recovered, ListEverything(mayWait: false), _world.Now());
        _history.Acknowledge(recovered);
        _comparedAt = recovered;
    }

    private void FindEvicted()
    {
        long version = _store.Version;
        HashSet<string> there = [.. ListEverything(mayWait: true).Select(entry => entry.Key)];
        foreach (RecordedEntry entry in _history.List(Everything, _world.Now()).Entries)
        {
            if (there.Contains(entry.Key)) continue;
            _history.Lose(Encoding.UTF8.GetBytes(entry.Key), _comparedAt, version);
            _world.Counts.Evictions++;
        }
        _comparedAt = version;
    }

    private List<RecordedEntry> ListEverything(bool mayWait)
    {
        var sink = new RecordingEntrySink();
        ValueTask<bool> list = _store.Calls.ListAsync(Everything, sink);
        if (mayWait || list.IsCompleted) return sink.Entries;
        throw new LostDataException("What has just been recovered waits to be durable.");
    }
}
