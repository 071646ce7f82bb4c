using System.Text;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>A watch of a driven store, with all that it has handed over.</summary>
internal sealed class OpenWatch : IDisposable
{
    private readonly RecordingChangeSink _sink = new();
    private readonly IWatch _watch;

    public OpenWatch(IKeyValueStore store, string prefix = "", long from = 0) =>
        _watch = store.Watch(new WatchQuery { Prefix = Encoding.UTF8.GetBytes(prefix), From = from }, () => Wakes++);

    /// <summary>How often it was woken.</summary>
    public int Wakes { get; private set; }

    public long Position => _watch.Position;

    public long OldestVersion => _watch.OldestVersion;

    /// <summary>All that was handed over.</summary>
    public List<RecordedChange> Changes => _sink.Changes;

    public IEnumerable<long> Versions => _sink.Versions;

    /// <summary>Reads once.</summary>
    public WatchStatus Read(int stopAfter = int.MaxValue)
    {
        _sink.StopAfter = stopAfter;
        return _watch.ReadAsync(_sink).Completed();
    }

    /// <summary>Reads until there is nothing more for now.</summary>
    public WatchStatus ReadAll(int stopAfter = int.MaxValue)
    {
        WatchStatus status;
        do status = Read(stopAfter);
        while (status == WatchStatus.More);
        return status;
    }

    public void Dispose() => _watch.Dispose();
}
