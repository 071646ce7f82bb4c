using KestrelKv.Storage.Tests.Feed;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>A watch, with all changes that it has delivered.</summary>
internal sealed class OpenWatch : IDisposable
{
    private readonly RecordingChangeSink _sink = new();
    private readonly IWatch _watch;
    private readonly SemaphoreSlim _wakes = new(0);

    public OpenWatch(IKeyValueStore store, string prefix = "", long from = 0) =>
        _watch = store.Watch(new WatchQuery { Prefix = Calls.Utf8(prefix), From = from }, () => _wakes.Release());

    public long Position => _watch.Position;

    public long OldestVersion => _watch.OldestVersion;

    public List<RecordedChange> Changes => _sink.Changes;

    public IEnumerable<long> Versions => _sink.Versions;

    /// <summary>Reads until the watch is up to date or ends.</summary>
    public async Task<WatchStatus> ReadAllAsync()
    {
        WatchStatus status;
        do status = await ReadAsync();
        while (status == WatchStatus.More);
        return status;
    }

    public ValueTask<WatchStatus> ReadAsync() => _watch.ReadAsync(_sink);

    /// <summary>Reads until the watch has a position. Fails the test if the watch ends, or after a timeout.</summary>
    public async Task ReadToAsync(long position)
    {
        // Without wakes: a watch is not woken for commits without changes under its prefix.
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    Assert.Equal(WatchStatus.UpToDate, await ReadAllAsync());
                }
                catch (StoreUnavailableException)
                {
                    // The tests of lost standbys have short timeouts.
                }
                return Position >= position;
            },
            () => $"the watch is at {Position}, expected {position}");
    }

    /// <summary>Waits until the watch is woken.</summary>
    public async Task WakeAsync() => Assert.True(await _wakes.WaitAsync(Wait.Patience), "the watch is not woken");

    public void Dispose() => _watch.Dispose();
}
