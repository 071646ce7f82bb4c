using System.Diagnostics;

namespace KestrelKv.Benchmarks.Stores;

/// <summary>How long each insert took while a store was filled one key at a time: what a caller waits when something grows.</summary>
/// <remarks>The system's pauses are in it, too: interrupts, and pages of memory that it first has to clear.</remarks>
internal sealed class InsertTimes(StoreSize size)
{
    /// <summary>KestrelKv's index has so many segments, which all grow at around the same number of keys.</summary>
    private const int Segments = 256;

    private readonly uint[] _nanoseconds = Touched(size.Keys);

    public double LongestMicroseconds => _nanoseconds[^1] / 1e3;

    /// <summary>Where nothing else takes longer, the time that it takes one of them to grow.</summary>
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
            _nanoseconds[key] = (uint)Math.Min(uint.MaxValue, Stopwatch.GetElapsedTime(start, end).TotalNanoseconds);
            start = end;
        }
    }

    /// <summary>To be called before the times are read.</summary>
    public void Sort() => Array.Sort(_nanoseconds);

    /// <summary>An array whose pages are there already, so that they count for no store and make no insert wait.</summary>
    private static uint[] Touched(int length)
    {
        uint[] array = new uint[length];
        Array.Fill(array, 1u);
        return array;
    }
}
