using KestrelKv.Storage.Postgres.Writing;

namespace KestrelKv.Storage.Postgres.Tests.Writing;

/// <summary>Calls that end while they are queued leave the queue.</summary>
public sealed class CallQueueTests
{
    private readonly CallQueue _queue = new();

    [Fact]
    public async Task FailLate_CallsQueuedBefore_LeaveTheQueue()
    {
        using var call = new SweepCall();
        _queue.Add(call);
        _queue.FailLate(call.QueuedAt - 1);
        Assert.Equal(1, _queue.Count);
        _queue.FailLate(call.QueuedAt);
        Assert.Equal(0, _queue.Count);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => call.Completion);
    }

    [Fact]
    public async Task Cancel_QueuedCall_LeavesTheQueue()
    {
        using var cancellation = new CancellationTokenSource();
        using var first = new SweepCall();
        using StoreCall canceled = Canceled(cancellation.Token);
        using var last = new SweepCall();
        _queue.Add(first);
        _queue.Add(canceled);
        _queue.Add(last);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => canceled.Completion);
        Assert.Equal([first, last], await _queue.TakeAsync());
    }

    [Fact]
    public async Task Add_CanceledCall_LeavesTheQueue()
    {
        using var cancellation = new CancellationTokenSource();
        using StoreCall canceled = Canceled(cancellation.Token);
        await cancellation.CancelAsync();
        _queue.Add(canceled);
        Assert.Equal(0, _queue.Count);
    }

    private static OperationsCall Canceled(CancellationToken cancellation) =>
        new(new[] { Operation.Get(Calls.Utf8("a")) }, null!, isAtomic: false, default, 1, cancellation);
}
