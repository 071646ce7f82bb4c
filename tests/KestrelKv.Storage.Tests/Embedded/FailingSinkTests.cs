using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>A sink that throws after the commit: the store still applies the committed changes.</summary>
public sealed class FailingSinkTests : IDisposable
{
    private readonly EmbeddedStore _store = new(new TestTime());

    public void Dispose() => _store.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task CommitAsync_SinkThrows_AppliesWholeBatch(int failsAt)
    {
        await ExecuteAsync(Put("a", "1"), Put("b", "1"));
        Operation[] batch = [Put("a", "2"), Operation.Delete(Key("b")), Put("c", "2")];

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await _store.CommitAsync(batch, new FailingSink(failsAt)));

        Assert.Equal(["a=2@3", "c=2@3"], List());
        Assert.Equal(3, _store.GetStats().Version);
    }

    [Fact]
    public async Task CommitAsync_SinkThrowsWithRequestId_AppliesBatchAndRecord()
    {
        Operation[] batch = [Put("a", "1"), Operation.Increment(Key("n"), "1"u8.ToArray())];
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await _store.CommitAsync(batch, new FailingSink(1), new(Key("id"))));

        var repeated = new RecordingSink();
        Assert.True(await _store.CommitAsync(batch, repeated, new(Key("id"))));
        Assert.Equal([1L, 1L], repeated.Results.Select(result => result.Version));
        Assert.Equal(["a=1@1", "n=1@1"], List());
    }

    [Fact]
    public async Task ExecuteAsync_SinkThrowsWithRequestId_RecordsResult()
    {
        Operation[] writes = [Put("a", "1") with { RequestId = new(Key("id")) }];
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await _store.ExecuteAsync(writes, new FailingSink(0)));

        var repeated = new RecordingSink();
        await _store.ExecuteAsync(writes, repeated);
        Assert.Equal(1, Assert.Single(repeated.Results).Version);
        Assert.Equal(["a=1@1"], List());
    }

    [Theory]
    [InlineData("2")]
    [InlineData("a value that needs another block than the one before")]
    public async Task ExecuteAsync_SinkThrows_AppliesWriteAndStops(string value)
    {
        await ExecuteAsync(Put("a", "1"));
        Operation[] writes = [Put("a", value) with { ReturnsOld = true }, Put("b", "1")];
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await _store.ExecuteAsync(writes, new FailingSink(0)));
        Assert.Equal([$"a={value}@2"], List());
    }

    [Fact]
    public async Task ExecuteAsync_ReturnsOld_ReturnsValueBeforeWrite()
    {
        await ExecuteAsync(Put("a", "1"));
        var sink = new OldValues();
        await _store.ExecuteAsync(
            new[] { Put("a", "2") with { ReturnsOld = true }, Operation.Delete(Key("a")) with { ReturnsOld = true } }, sink);
        Assert.Equal(["1", "2"], sink.Values);
    }

    private static byte[] Key(string key) => Encoding.UTF8.GetBytes(key);

    private static Operation Put(string key, string value) => Operation.Put(Key(key), Encoding.UTF8.GetBytes(value));

    private async Task ExecuteAsync(params Operation[] operations) => await _store.ExecuteAsync(operations, new CountingSink());

    private List<string> List()
    {
        var entries = new RecordingEntrySink();
        _store.ListAsync(new ListQuery { Limit = 100 }, entries).Completed();
        return [.. entries.Entries.Select(entry => $"{entry.Key}={entry.Value}@{entry.Version}")];
    }

    private sealed class FailingSink(int failsAt) : IResultSink
    {
        public bool OnResult(int index, in OperationResult result) =>
            index == failsAt ? throw new InvalidOperationException("This sink fails.") : true;
    }

    private sealed class OldValues : IResultSink
    {
        public List<string> Values { get; } = [];

        public bool OnResult(int index, in OperationResult result)
        {
            Values.Add(Encoding.UTF8.GetString(result.OldValue));
            return true;
        }
    }
}
