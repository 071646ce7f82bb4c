using System.Text;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests;

/// <summary>
/// The contract of every store. The test class of an engine derives from this one. Each file has one topic.
/// </summary>
public abstract partial class StoreContractTests : IAsyncLifetime
{
    /// <summary>The time within which all expired entries are removed in the background.</summary>
    private static readonly TimeSpan RemovalTime = TimeSpan.FromSeconds(1);

    private IKeyValueStore? _store;

    private TestTime Time { get; } = new();

    private IKeyValueStore Store => _store ??= Create(Time);

    private long Now => Time.GetUtcNow().ToUnixTimeMilliseconds();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_store is IAsyncDisposable asynchronous) await asynchronous.DisposeAsync();
        else (_store as IDisposable)?.Dispose();
    }

    protected abstract IKeyValueStore Create(TimeProvider time);

    private static ReadOnlyMemory<byte> Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static Operation Get(string key, Precondition precondition = default) =>
        Operation.Get(Utf8(key)) with { Precondition = precondition };

    private static Operation Touch(string key, long expiresAt, Precondition precondition = default) =>
        Operation.Touch(Utf8(key), expiresAt) with { Precondition = precondition };

    private static Operation Put(string key, string value, Precondition precondition = default, long expiresAt = Operation.Never) =>
        Operation.Put(Utf8(key), Utf8(value), expiresAt) with { Precondition = precondition };

    private static Operation Delete(string key, Precondition precondition = default) =>
        Operation.Delete(Utf8(key)) with { Precondition = precondition };

    private static Operation Expire(string key, long expiresAt, Precondition precondition = default) =>
        Operation.Expire(Utf8(key), expiresAt) with { Precondition = precondition };

    private static Operation JsonPatch(string key, string patch) => Operation.JsonPatch(Utf8(key), Utf8(patch));

    private async Task<Recorded> ExecuteOneAsync(Operation operation) => Assert.Single(await ExecuteAsync(operation));

    private async Task<Recorded[]> ExecuteAsync(params Operation[] operations)
    {
        var sink = new RecordingSink();
        Assert.Equal(operations.Length, await Store.ExecuteAsync(operations, sink));
        Assert.Equal(operations.Length, sink.Results.Count);
        return [.. sink.Results];
    }

    private async Task<Recorded[]> CommitAsync(params Operation[] batch)
    {
        var sink = new RecordingSink();
        Assert.True(await Store.CommitAsync(batch, sink));
        Assert.Equal(batch.Length, sink.Results.Count);
        return [.. sink.Results];
    }

    /// <summary>Commits a batch that must be refused, and returns its only result.</summary>
    private async Task<Recorded> CommitRefusedAsync(params Operation[] batch)
    {
        var sink = new RecordingSink();
        Assert.False(await Store.CommitAsync(batch, sink));
        return Assert.Single(sink.Results);
    }

    private Task<(string[] Keys, bool More)> ListAsync(
        string prefix = "", string after = "", int limit = int.MaxValue, int stopAfter = int.MaxValue) =>
        ListAsync(new ListQuery { Prefix = Utf8(prefix), After = Utf8(after), Limit = limit }, stopAfter);

    private async Task<(string[] Keys, bool More)> ListAsync(ListQuery query, int stopAfter = int.MaxValue)
    {
        var sink = new RecordingEntrySink(stopAfter);
        bool more = await Store.ListAsync(query, sink);
        return ([.. sink.Entries.Select(entry => entry.Key)], more);
    }

    private void Advance(TimeSpan time) => Time.Advance(time);

    /// <summary>Selects the statistics that are equal for all stores with the same entries.</summary>
    private static StoreStats Counts(StoreStats stats) => new(stats.Keys, stats.Bytes, stats.Version);

    private void AssertStats(long keys, long bytes, long version) =>
        Assert.Equal(new StoreStats(keys, bytes, version), Counts(Store.GetStats()));
}
