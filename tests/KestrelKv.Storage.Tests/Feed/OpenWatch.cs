using System.Text;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>A watch of a driven store, with all changes that it has delivered.</summary>
internal sealed class OpenWatch : IDisposable
{
    private readonly RecordingChangeSink _sink = new();
    private readonly IWatch _watch;

    public OpenWatch(IKeyValueStore store, string prefix = "", long from = 0) =>
        _watch = store.Watch(new WatchQuery { Prefix = Encoding.UTF8.GetBytes(prefix), From = from }, () => Wakes++);

    public int Wakes { get; private set; }

    public long Position => _watch.Position;

    public long OldestVersion => _watch.OldestVersion;

    public List<RecordedChange> Changes => _sink.Changes;

    public IEnumerable<long> Versions => _sink.Versions;

    public WatchStatus Read(int stopAfter = int.MaxValue)
    {
        _sink.StopAfter = stopAfter;
        return _watch.ReadAsync(_sink).Completed();
    }

    /// <summary>Reads until the watch is up to date or ends.</summary>
    public WatchStatus ReadAll(int stopAfter = int.MaxValue)
    {
        WatchStatus status;
        do status = Read(stopAfter);
        while (status == WatchStatus.More);
        return status;
    }

    public void Dispose() => _watch.Dispose();
}
