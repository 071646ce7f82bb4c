using System.Diagnostics;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>
/// The time of each insert while a store is filled one key at a time. It shows how long a caller waits when a part of the store grows.
/// </summary>
/// <remarks>
/// A busy system delays any insert. Within one process, however, a store filled with the same keys grows at the same inserts each time.
/// Each insert therefore counts with its minimum over several fills. The times include new memory, which the kernel clears at the first
/// access.
/// </remarks>
internal sealed class InsertTimes
{
    /// <summary>The number of stripes of KestrelKv's index. All grow at about the same number of keys.</summary>
    private const int Stripes = 256;

    private readonly uint[] _nanoseconds;

    public InsertTimes(StoreSize size)
    {
        _nanoseconds = new uint[size.Keys];
        Array.Fill(_nanoseconds, uint.MaxValue);
    }

    /// <summary>The longest insert of all fills, whatever caused it.</summary>
    public double LongestEverMicroseconds { get; private set; }

    public double LongestMicroseconds => _nanoseconds[^1] / 1e3;

    /// <summary>The median of the 256 longest inserts, one for each stripe.</summary>
    public double MedianOfLongestMicroseconds => _nanoseconds[^Math.Min(Stripes / 2, _nanoseconds.Length)] / 1e3;

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

    /// <summary>Sorts the times. Call it after the last fill and before the times are read.</summary>
    public void Sort() => Array.Sort(_nanoseconds);
}
