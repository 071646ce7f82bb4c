using System.Diagnostics;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>How long each insert takes while a store is filled one key at a time: what a caller waits when something grows.</summary>
/// <remarks>
/// A busy system makes any insert wait. But within one process a store that is filled with the same keys grows at the
/// same inserts each time: so of each insert the least time of several fills counts. New memory is in it, which the
/// system clears when it is first touched.
/// </remarks>
internal sealed class InsertTimes
{
    /// <summary>KestrelKv's index has so many segments, which all grow at around the same number of keys.</summary>
    private const int Segments = 256;

    private readonly uint[] _nanoseconds;

    public InsertTimes(StoreSize size)
    {
        _nanoseconds = new uint[size.Keys];
        Array.Fill(_nanoseconds, uint.MaxValue);
    }

    /// <summary>The longest of all fills, whatever it waited for.</summary>
    public double LongestEverMicroseconds { get; private set; }

    public double LongestMicroseconds => _nanoseconds[^1] / 1e3;

    /// <summary>The median of as many inserts as there are segments, those that took longest.</summary>
    public double MedianOfLongestMicroseconds => _nanoseconds[^Math.Min(Segments / 2, _nanoseconds.Length)] / 1e3;

    public double PercentileMicroseconds(double percent) => _nanoseconds[(int)(percent / 100 * (_nanoseconds.Length - 1))] / 1e3;

    public void Fill(IStoreUnderTest store)
    {
        using IStoreWorker worker = store.CreateWorker(batch: 1);
        long start = Stopwatch.GetTimestamp();
        for (int key = 0; key < _nanoseconds.Length; key++)
        {
            worker.Put([key]);
            long end = Stopwatch.GetTimestamp();
            double nanoseconds = Stopwatch.GetElapsedTime(start, end).TotalNanoseconds;
            start = end;
            if (nanoseconds < _nanoseconds[key]) _nanoseconds[key] = (uint)nanoseconds;
            if (nanoseconds > LongestEverMicroseconds * 1e3) LongestEverMicroseconds = nanoseconds / 1e3;
        }
    }

    /// <summary>To be called after the last fill and before times are read.</summary>
    public void Sort() => Array.Sort(_nanoseconds);
}
