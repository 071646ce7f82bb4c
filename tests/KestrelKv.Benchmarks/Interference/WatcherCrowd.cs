using KestrelKv.Benchmarks.Feeds;

namespace KestrelKv.Benchmarks.Interference;

/// <summary>Watchers of a part of the keys each, together of all keys.</summary>
internal sealed class WatcherCrowd : IInterference
{
    private readonly List<Watcher> _watchers = [];

    public long Done => _watchers.Sum(watcher => watcher.Changes);

    public static async Task<WatcherCrowd> StartAsync(int port, int keys, int count)
    {
        var crowd = new WatcherCrowd();
        try
        {
            for (int i = 0; i < count; i++) crowd._watchers.Add(await Watcher.StartAsync(port, WatchBenchmark.PrefixOf(keys, i, count)));
            return crowd;
        }
        catch
        {
            crowd.Dispose();
            throw;
        }
    }

    public void Dispose() => _watchers.ForEach(watcher => watcher.Dispose());
}
