using KestrelKv.Storage.Tests;
using KestrelKv.Storage.Tests.Feed;

namespace KestrelKv.Storage.Postgres.Tests.Cluster.Load;

/// <summary>A watch of all keys from the first version on. A replay of its changes gives the entries of the store.</summary>
internal sealed class FeedLoad(LoadState load, PostgresStore store) : IDisposable
{
    private readonly Dictionary<string, (string Value, long Version)> _replay = [];
    private readonly OpenWatch _watch = new(store, from: 1);
    private long _last;

    /// <summary>The number of changes.</summary>
    public long Changes { get; private set; }

    /// <summary>Reads until the load stops.</summary>
    public async Task RunAsync()
    {
        while (!load.IsStopping) await ReadAsync();
    }

    /// <summary>Reads up to a version, and compares the replay with a listing. All calls must have ended.</summary>
    public async Task CheckAsync(long version)
    {
        while (_watch.Position < version) await ReadAsync();
        var sink = new RecordingEntrySink();
        await store.ListAsync(new ListQuery { Limit = int.MaxValue }, sink);
        var replay = _replay.OrderBy(entry => entry.Key, StringComparer.Ordinal);
        Assert.Equal(
            replay.Select(entry => (entry.Key, entry.Value.Value, entry.Value.Version)),
            sink.Entries.Select(entry => (entry.Key, entry.Value, entry.Version)));
    }

    public void Dispose() => _watch.Dispose();

    private async Task ReadAsync()
    {
        try
        {
            Assert.Equal(WatchStatus.UpToDate, await _watch.ReadAllAsync());
        }
        catch (IOException)
        {
            // The database does not answer. The next read continues.
        }
        foreach (RecordedChange change in _watch.Changes) Replay(change);
        _watch.Changes.Clear();
        await Task.Delay(TimeSpan.FromMilliseconds(10));
    }

    private void Replay(RecordedChange change)
    {
        long before = _replay.GetValueOrDefault(change.Key).Version;
        bool isNext = change.Version >= _last && change.Version > before;
        Assert.True(isNext, $"version {change.Version} of {change.Key} after {before}, {_last}");
        _last = change.Version;
        Changes++;
        if (change.Kind == ChangeKind.Put) _replay[change.Key] = (change.Value, change.Version);
        else Assert.True(_replay.Remove(change.Key), $"{change.Kind} of {change.Key} at version {change.Version}, which does not exist");
    }
}
