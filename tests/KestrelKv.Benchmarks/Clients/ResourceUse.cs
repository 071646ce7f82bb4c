using System.Diagnostics;

namespace KestrelKv.Benchmarks.Clients;

/// <summary>What this process used for its calls since the measurement began.</summary>
internal sealed class ResourceUse
{
    private readonly long _allocated;
    private readonly TimeSpan _processor;
    private readonly long _begin;

    private ResourceUse()
    {
        GC.Collect(); // The garbage of the last measurement is not at the expense of this one.
        _allocated = GC.GetTotalAllocatedBytes(precise: true);
        _processor = Environment.CpuUsage.TotalTime;
        _begin = Stopwatch.GetTimestamp();
    }

    public static ResourceUse Begin() => new();

    public ClientResult End(long calls) => new(
        calls, calls / Stopwatch.GetElapsedTime(_begin).TotalSeconds,
        (GC.GetTotalAllocatedBytes(precise: true) - _allocated) / (double)calls,
        (Environment.CpuUsage.TotalTime - _processor).TotalMicroseconds / calls);
}
