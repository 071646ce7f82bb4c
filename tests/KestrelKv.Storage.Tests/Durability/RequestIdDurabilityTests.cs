using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>Writes with request ids wait for the disk: the first attempt, its retries, and recorded refusals.</summary>
public sealed class RequestIdDurabilityTests : IDisposable
{
    private readonly SimulatedDisk _disk = new(new Random(1));
    private readonly TestTime _time = new();
    private readonly DrivenStore _store;

    public RequestIdDurabilityTests() => _store = Open(_disk);

    public void Dispose() => _store.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ExecuteAsync_RepeatedRequestId_WaitsForTheRecord(bool isRefused)
    {
        Operation put = Put("a", isRefused ? Precondition.Present : default);
        var first = new RecordingSink();
        var repeated = new RecordingSink();
        Task<int> firstCall = ExecuteAsync(first, put);
        Task<int> repeatedCall = ExecuteAsync(repeated, put);
        Assert.Equal(isRefused ? ResultStatus.PreconditionFailed : ResultStatus.Done, Assert.Single(first.Results).Status);
        Assert.Equal(first.Results, repeated.Results);
        Assert.False(firstCall.IsCompleted || repeatedCall.IsCompleted);

        _store.Write(sync: false);
        Assert.False(firstCall.IsCompleted || repeatedCall.IsCompleted);
        _store.Write(sync: true);
        await firstCall;
        await repeatedCall;
        Assert.True(ExecuteAsync(new RecordingSink(), put).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task ExecuteAsync_ManyRequestIds_WaitForOneSync()
    {
        var results = new RecordingSink();
        Task<int> call = ExecuteAsync(results, [.. Enumerable.Range(0, 50).Select(i => Put($"key {i}"))]);
        Assert.Equal(50, results.Results.Count);
        Assert.False(call.IsCompleted);
        _store.Write(sync: true);
        Assert.Equal(50, await call);
        Assert.Equal(50, _store.DurableVersion);
    }

    [Fact]
    public async Task ExecuteAsync_RepeatedAfterCrash_ReturnsRecordedResultUnlessLost()
    {
        var first = new RecordingSink();
        Task<int> call = ExecuteAsync(first, Put("a"));
        _store.Write(sync: true);
        await call;
        _ = ExecuteAsync(new RecordingSink(), Put("lost"));
        Assert.Equal(2, _store.Version);

        using DrivenStore recovered = Open(_disk.Crash());
        Assert.Equal(1, recovered.LastRecovered);
        var repeated = new RecordingSink();
        _ = recovered.Calls.ExecuteAsync(new[] { Put("a"), Put("lost") }, repeated).AsTask();
        Assert.Equal(first.Results[0], repeated.Results[0]);
        Assert.InRange(repeated.Results[1].Version, 3, long.MaxValue);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ExecuteAsync_SequenceAfterRecovery_IsThatOfTheLastDurableRecord(bool withSnapshot)
    {
        foreach (int sequence in (int[])[1, 2])
        {
            Task<int> call = ExecuteAsync(new RecordingSink(), Increment(sequence));
            _store.Write(sync: true);
            await call;
        }
        if (withSnapshot) _store.Snapshot();
        _ = ExecuteAsync(new RecordingSink(), Increment(3));

        using DrivenStore recovered = Open(_disk.Crash());
        var results = new RecordingSink();
        _ = recovered.Calls.ExecuteAsync(new[] { Increment(1), Increment(2), Increment(3), Increment(3) }, results).AsTask();
        Assert.Equal(
            [(ResultStatus.RequestIdReused, ""), (ResultStatus.Done, "2"), (ResultStatus.Done, "3"), (ResultStatus.Done, "3")],
            results.Results.Select(result => (result.Status, result.Value)));

        static Operation Increment(int sequence) =>
            Operation.Increment(Key("n"), "1"u8.ToArray()) with { RequestId = new(Key("slot"), sequence) };
    }

    [Fact]
    public void ExecuteAsync_RepeatedAfterDiskFailure_IsRefused()
    {
        Task<int> call = ExecuteAsync(new RecordingSink(), Put("a"));
        _disk.Faults = new DiskFaults { Sync = 1 };
        _store.Write(sync: true);
        Assert.True(call.IsFaulted || !call.IsCompleted);

        var repeated = new RecordingSink();
        Assert.True(ExecuteAsync(repeated, Put("a"), Put("b")).IsCompleted);
        Assert.Equal([ResultStatus.DiskFailed, ResultStatus.DiskFailed], repeated.Results.Select(result => result.Status));
    }

    private static Operation Put(string key, Precondition precondition = default) =>
        Operation.Put(Key(key), "1"u8.ToArray()) with { Precondition = precondition, RequestId = new(Key($"id of {key}")) };

    private static byte[] Key(string key) => System.Text.Encoding.UTF8.GetBytes(key);

    private Task<int> ExecuteAsync(RecordingSink results, params Operation[] operations) =>
        _store.Calls.ExecuteAsync(operations, results).AsTask();

    private DrivenStore Open(SimulatedDisk disk)
    {
        DrivenStore store = DrivenStore.Open(disk, new CrashProfile { SegmentBytes = 1 << 20, HistoryBytes = 1 << 20 }, _time);
        store.Write(sync: true);
        return store;
    }
}
