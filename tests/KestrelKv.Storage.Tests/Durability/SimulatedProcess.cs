using System.Text;
using KestrelKv.Storage.Tests.Feed;
using KestrelKv.Storage.Tests.Soak;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>A simulated process, from its recovery to its death, step by step.</summary>
internal sealed class SimulatedProcess : IDisposable
{
    private static readonly ListQuery Everything = new() { Limit = int.MaxValue };

    private readonly World _world;
    private readonly SimulatedDisk _disk;
    private readonly DrivenStore _store;
    private readonly Random _random;
    private readonly CommitHistory _history;
    private readonly List<PendingCall> _pending = [];

    /// <summary>The percentage of steps that write, sync and so on. Some processes lag behind, others do not.</summary>
    private readonly int _diskPercent;

    /// <summary>The percentage of disk operations during which other calls are executed.</summary>
    private readonly int _callsPercent;

    /// <summary>The version at which the store was last found equal to the history.</summary>
    private long _comparedAt;

    /// <summary>Calls of the previous process whose effects were lost. They are issued again.</summary>
    private readonly Queue<IssuedCall> _retries;

    private SimulatedProcess(World world, SimulatedDisk disk, DrivenStore store)
    {
        (_world, _disk, _store) = (world, disk, store);
        (_random, _history) = (world.Random, world.History);
        _diskPercent = _random.Next(10, 60);
        _callsPercent = _random.Next(2) * _random.Next(30);

        // As a client that received no reply does. Records may thus be written to the place of equal ones that were lost.
        long recovered = _history.WithStarts(store.LastRecovered);
        _retries = new(_random.Next(2) == 0 ? world.Issued.Where(call => call.After >= recovered) : []);
        world.Issued.Clear();
        Compare(recovered);
        _history.Start(store.Version);
        foreach (FeedReplica witness in world.Witnesses) witness.Watch(store.Calls, recovered);
        _disk.BeforeOperation = BeforeOperation;
    }

    /// <summary>Recovers the data of a disk and compares it with the history.</summary>
    public static SimulatedProcess Open(World world, SimulatedDisk disk)
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

    public void Step()
    {
        if (_random.Next(100) < _diskPercent) DriveDisk();
        else Call();
        if (_random.Next(3) == 0) ReadFeed();
        _world.Thread!.Run();
        Collect();
        if (_world.Profile.Evicts) FindEvicted();
    }

    public void Fill()
    {
        byte[] value = new byte[2_000];
        Array.Fill(value, (byte)'x');
        for (int i = 0; i < 500; i++)
            Issue(new(_history.Last, [Operation.Put(Encoding.ASCII.GetBytes($"fill:{i:D7}"), value)], IsBatch: false));
        Drain();
        FindEvicted();
    }

    /// <summary>Checks completed calls. Their results are visible, so the data that they depend on must survive from now on.</summary>
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
                if (_disk.Failures == 0) throw new LostDataException("A call failed, but the disk did not.");
                continue;
            }
            if (call.Wrong is { } wrongAtEnd) throw new LostDataException(wrongAtEnd);
            _world.Counts.Acknowledged++;
            if (_world.Profile.Mode == DurabilityMode.Always) _history.Acknowledge(call.Shown);
        }
    }

    /// <summary>Ends all faults and completes all pending calls.</summary>
    public void Quiesce()
    {
        _disk.BeforeOperation = null;
        _disk.Faults = DiskFaults.None;
        _disk.CapacityBytes = long.MaxValue;
        Drain();
        if (_pending.Count > 0) throw new LostDataException($"{_pending.Count} calls never complete.");
        if (_store.HasFailed) return;
        CompareFeed();

        // The disk must no longer count as full.
        Operation[] put = [Operation.Put("space"u8.ToArray(), "1"u8.ToArray())];
        CheckedResults results = Execute(new(_history.Last, put, IsBatch: false));
        Drain();
        if (_pending.Count > 0) throw new LostDataException("Space is available, but a write never completes.");
        if (results.Version == 0) throw new LostDataException("Space is available, but a write was refused.");
    }

    /// <summary>Stops the process normally, without loss of data.</summary>
    public void Close()
    {
        if (_random.Next(2) == 0) Snapshot();
        _disk.BeforeOperation = null;
        Drain();
        if (_random.Next(2) == 0) _store.Mark();
        if (_disk.Failures == 0 && _store.DurableVersion < _store.Version)
            throw new LostDataException("Some commits were not synced at the stop.");
    }

    /// <summary>Writes until no call waits. Calls may have to wait for several segments in turn.</summary>
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

    /// <summary>Executes calls during a disk operation, and writes the log while a snapshot is taken.</summary>
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

    /// <summary>Checks after all writes that the feed has reported the current entries.</summary>
    private void CompareFeed()
    {
        _store.DispatchFeed();
        foreach (FeedReplica witness in _world.Witnesses) witness.Compare(ListEverything(mayWait: true));
    }

    private void Call()
    {
        if (_retries.TryDequeue(out IssuedCall? retry))
        {
            Issue(retry with { After = _history.Last });
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

    private CheckedResults Execute(IssuedCall call)
    {
        CheckedResults results = Results(call);
        _pending.Add(new PendingCall<int>(
            _store.Calls.ExecuteAsync(call.Operations, results), () => results.Version, () => results.Wrong,
            executed => Assert.Equal(call.Operations.Length, executed)));
        return results;
    }

    private void Commit(IssuedCall call)
    {
        CheckedResults results = Results(call);
        _pending.Add(new PendingCall<bool>(
            _store.Calls.CommitAsync(call.Operations, results), () => results.Version, () => results.Wrong, _ => { }));
    }

    private CheckedResults Results(IssuedCall call) => new(_history, call.Operations, _world.Now, call.IsBatch)
    {
        EvictsAfter = _world.Profile.Evicts ? () => _comparedAt : null,
        OnRefusal = () => _world.Counts.Refused++,
        MayWrite = () => !_store.HasFailed,
    };

    private void List(ListQuery query)
    {
        if (_world.Profile.Evicts) FindEvicted();
        var entries = new CheckedEntries(_history, query, _world.Now());
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

    /// <summary>Checks the recovered data, which is visible from now on.</summary>
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
        HashSet<string> present = [.. ListEverything(mayWait: true).Select(entry => entry.Key)];
        foreach (RecordedEntry entry in _history.List(Everything, _world.Now()).Entries)
        {
            if (present.Contains(entry.Key)) continue;
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
        throw new LostDataException("A read of recovered data waits for durability.");
    }
}
