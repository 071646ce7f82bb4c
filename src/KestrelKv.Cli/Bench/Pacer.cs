using System.Diagnostics;
using System.Runtime.InteropServices;

namespace KestrelKv.Cli.Bench;

/// <summary>
/// Starts rounds at a constant rate (open loop). Each round has an intended start, which does not depend on the replies to earlier ones. A connection
/// that is free waits for the next intended start. If no connection is free in time, the round starts late, and its latency counts from the
/// intended start.
/// </summary>
internal sealed class Pacer : IDisposable
{
    private readonly long _begin;
    private readonly long _end;
    private readonly double _ticksPerRound;
    private readonly Lock _lock = new();
    private readonly Queue<(long Due, TaskCompletionSource<long> Start)> _waiting = new();
    private readonly AutoResetEvent _hasWaiting = new(false);
    private readonly CancellationToken _stop;
    private readonly Thread _thread;
    private long _rounds;
    private volatile bool _isDisposed;

    /// <param name="begin">The timestamp of the first start.</param>
    /// <param name="end">The timestamp from which on no round starts.</param>
    /// <param name="roundsPerSecond">The rate.</param>
    /// <param name="stop">Ends all waits.</param>
    public Pacer(long begin, long end, double roundsPerSecond, CancellationToken stop)
    {
        (_begin, _end, _ticksPerRound, _stop) = (begin, end, Stopwatch.Frequency / roundsPerSecond, stop);
        _thread = new Thread(Run) { IsBackground = true, Name = "pacer" };
        _thread.Start();
    }

    /// <summary>The delays of starts by the program itself, after a connection was free. Not those by connections that wait for replies.</summary>
    public LatencyCounts Delays { get; } = new();

    /// <summary>Waits for the next intended start.</summary>
    /// <returns>Its timestamp; 0 if no start is left.</returns>
    public ValueTask<long> WaitAsync()
    {
        lock (_lock)
        {
            long due = _begin + (long)(_rounds * _ticksPerRound);
            if (due >= _end || _stop.IsCancellationRequested) return new(0L);
            _rounds++;
            if (due <= Stopwatch.GetTimestamp()) return new(due);
            var start = new TaskCompletionSource<long>(); // Continues on the thread of the pacer: a switch of threads would add to the latency.
            _waiting.Enqueue((due, start));
            _hasWaiting.Set();
            return new(start.Task);
        }
    }

    public void Dispose()
    {
        _isDisposed = true;
        _hasWaiting.Set();
        _thread.Join();
        _hasWaiting.Dispose();
    }

    private void Run()
    {
        while (!_isDisposed)
        {
            (long Due, TaskCompletionSource<long> Start) next;
            bool hasNext;
            lock (_lock) hasNext = _waiting.TryPeek(out next);
            if (!hasNext)
            {
                _hasWaiting.WaitOne();
                continue;
            }
            if (SleepUntil(next.Due)) Delays.Add(Math.Max(0, Stopwatch.GetTimestamp() - next.Due), 1);
            lock (_lock) _waiting.Dequeue();
            next.Start.SetResult(_stop.IsCancellationRequested ? 0 : next.Due);
        }
    }

    /// <summary>Sleeps in short steps, so that an interruption ends the wait.</summary>
    /// <returns>Whether it slept until then.</returns>
    private bool SleepUntil(long due)
    {
        while (!_stop.IsCancellationRequested)
        {
            double left = (due - Stopwatch.GetTimestamp()) * 1e9 / Stopwatch.Frequency;
            if (left <= 0) return true;
            if (OperatingSystem.IsLinux()) SleepExactly((long)Math.Min(left, 50e6));
            else if (left > 2e6) Thread.Sleep(1);
            else Thread.SpinWait(20);
        }
        return false;
    }

    /// <summary>Sleeps with the precision of the system, about 50 microseconds. <see cref="Thread.Sleep(int)"/> has one of a millisecond.</summary>
    private static void SleepExactly(long nanoseconds)
    {
        var time = new TimeSpec { Nanoseconds = nanoseconds };
        _ = Nanosleep(ref time, 0);
    }

    [DllImport("libc", EntryPoint = "nanosleep")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Nanosleep(ref TimeSpec time, nint remaining);

    private struct TimeSpec
    {
        public nint Seconds;
        public long Nanoseconds;
    }
}
