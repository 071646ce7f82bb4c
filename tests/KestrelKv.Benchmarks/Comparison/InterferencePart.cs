using KestrelKv.Benchmarks.Servers;

namespace KestrelKv.Benchmarks.Comparison;

internal static class InterferencePart
{
    public static Task RunAsync(ServerBench bench, ComparisonOptions options) => Task.CompletedTask;
}
