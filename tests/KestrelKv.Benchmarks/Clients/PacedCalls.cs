using System.Diagnostics;
using KestrelKv.Benchmarks.Loads;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>
/// Calls that are due at fixed intervals (open loop), started by a thread of their own. The latency of a call counts from the time at which
/// it was due. A client that pauses is therefore charged for all calls due in the pause, not only for those already started (coordinated
/// omission).
/// </summary>
/// <param name="perSecond">The number of calls per second.</param>
/// <param name="calls">The number of calls.</param>
internal sealed class PacedCalls(double perSecond, int calls)
{
    /// <summary>The pause, in nanoseconds, while all slots are in use.</summary>
    private const long SlotPause = 100_000;

    private readonly long[] _answered = new long[calls];
    private readonly Stack<int> _slots = new(Enumerable.Range(0, ICallUnderTest.SlotsMax)); // Its own lock.
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _completed;
    private Exception? _failure;

    /// <param name="call">Makes the call with a number, in a slot that no other call in flight has.</param>
    public async Task<LatencyHistogram> RunAsync(Func<int, int, Task> call)
    {
        var latencies = new LatencyHistogram();
        if (_answered.Length == 0) return latencies;
        long begin = Stopwatch.GetTimestamp();
        long DueOf(int number) => begin + (long)(number * (Stopwatch.Frequency / perSecond));
        Task pacer = Task.Factory.StartNew(
            () => Pace(call, DueOf), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await pacer;
        await _done.Task;
        if (_failure is not null) throw new InvalidOperationException($"a call failed: {_failure.Message}", _failure);
        for (int i = 0; i < _answered.Length; i++) latencies.Add(DueOf(i), _answered[i], requests: 1);
        return latencies;
    }

    private void Pace(Func<int, int, Task> call, Func<int, long> dueOf)
    {
        TimerSlack.Minimize();
        using var epoll = new Epoll(); // It watches nothing: its timeout is the exact wait.
        for (int number = 0; number < _answered.Length; number++)
        {
            long due = dueOf(number);
            for (long now; (now = Stopwatch.GetTimestamp()) < due;)
                epoll.Wait((long)Stopwatch.GetElapsedTime(now, due).TotalNanoseconds);
            int slot;
            while (!TryTakeSlot(out slot)) epoll.Wait(SlotPause);
            _ = TimeAsync(call, number, slot);
        }
    }

    private async Task TimeAsync(Func<int, int, Task> call, int number, int slot)
    {
        try
        {
            await call(number, slot);
            _answered[number] = Stopwatch.GetTimestamp();
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, null); // Any failure, whatever its type, ends the measurement.
        }
        lock (_slots) _slots.Push(slot);
        if (Interlocked.Increment(ref _completed) == _answered.Length) _done.SetResult();
    }

    private bool TryTakeSlot(out int slot)
    {
        lock (_slots) return _slots.TryPop(out slot);
    }
}
