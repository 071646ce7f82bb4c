using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>Automatic snapshots.</summary>
public sealed class SnapshotTriggerTests : IDisposable, ILoggerFactory, ILogger
{
    private const int SnapshotTakenEvent = 204;
    private static readonly TimeSpan Watch = TimeSpan.FromSeconds(1);

    private readonly TemporaryDirectory _directory = new();
    private readonly TestTime _time = new();
    private int _taken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Store_LogReachesTheLimit_TakesASnapshot()
    {
        await using DataDirectory store = Open(new() { SnapshotLogBytes = 1_048_576, SnapshotInterval = TimeSpan.Zero });
        await PutAsync(store, 500_000);
        _time.Advance(Watch);
        await PutAsync(store, 600_000);
        _time.Advance(Watch);

        await WaitForAsync(snapshots: 1);
        Assert.Equal(2, store.GetStats().LastSnapshot!.Version);
    }

    [Fact]
    public async Task Store_IntervalElapsed_TakesASnapshotIfAnythingHasChanged()
    {
        var interval = TimeSpan.FromMinutes(5);
        await using DataDirectory store = Open(new() { SnapshotInterval = interval });
        await PutAsync(store, 100);
        _time.Advance(interval - Watch);
        await PutAsync(store, 100);
        _time.Advance(Watch);
        await WaitForAsync(snapshots: 1);
        Assert.Equal(2, store.GetStats().LastSnapshot!.Version);

        _time.Advance(2 * interval);
        await PutAsync(store, 100);
        _time.Advance(interval);
        await WaitForAsync(snapshots: 2);
        Assert.Equal(3, store.GetStats().LastSnapshot!.Version);
    }

    ILogger ILoggerFactory.CreateLogger(string categoryName) => this;

    void ILoggerFactory.AddProvider(ILoggerProvider provider)
    {
    }

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (eventId.Id == SnapshotTakenEvent) Interlocked.Increment(ref _taken);
    }

    private static async Task PutAsync(DataDirectory store, int valueBytes) => await store.Store.ExecuteAsync(
        new[] { Operation.Put("key"u8.ToArray(), Encoding.UTF8.GetBytes(new string('1', valueBytes))) }, new CountingSink());

    /// <summary>Waits for this number of snapshots, and fails if there are more.</summary>
    private async Task WaitForAsync(int snapshots)
    {
        await Wait.UntilAsync(() => Volatile.Read(ref _taken) >= snapshots, () => $"{_taken} snapshots were taken, expected {snapshots}.");
        Assert.Equal(snapshots, _taken);
    }

    private DataDirectory Open(DataOptions options)
    {
        options.Directory = _directory.Path;
        options.SnapshotOnStop = false;
        return DataDirectory.Open(options, new EmbeddedStoreOptions(), _time, this);
    }
}
