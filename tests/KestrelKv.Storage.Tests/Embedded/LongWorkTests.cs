using System.Text;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests.Embedded;

/// <summary>Edits and searches of long values: their results equal those of short values, and they block no other call.</summary>
public sealed class LongWorkTests : IDisposable
{
    private static readonly byte[] Key = "long"u8.ToArray();
    private readonly EmbeddedStore _store = new(TimeProvider.System);

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task ExecuteAsync_LongAndShortOperations_ReturnsResultsInOrder()
    {
        await PutAsync(2 << 20);
        Operation[] operations =
        [
            Operation.Get("short"u8.ToArray()),
            Operation.Increment(Key, "5"u8.ToArray()) with { Path = "/n"u8.ToArray() },
            Operation.Put("short"u8.ToArray(), "7"u8.ToArray()),
            Operation.Get(Key) with { Path = "/n"u8.ToArray() },
            Operation.Get(Key) with { Path = "/absent"u8.ToArray() },
            Operation.PutAt(Key, "/n"u8.ToArray(), "9"u8.ToArray()) with { Precondition = Precondition.Version(1) },
            Operation.Get("short"u8.ToArray()),
        ];
        var sink = new RecordingSink();
        Assert.Equal(7, await _store.ExecuteAsync(operations, sink));
        Assert.Equal(
            [
                ResultStatus.NotFound, ResultStatus.Done, ResultStatus.Done, ResultStatus.Done, ResultStatus.PathNotFound,
                ResultStatus.PreconditionFailed, ResultStatus.Done,
            ],
            sink.Results.Select(result => result.Status));
        Assert.Equal(Enumerable.Range(0, 7), sink.Results.Select(result => result.Index));
        Assert.Equal(3, _store.GetStats().Version);
    }

    /// <summary>Each increment is applied exactly once, even if other writes commit between its copy and its commit.</summary>
    [Fact]
    public async Task ExecuteAsync_ConcurrentLongIncrements_LosesNone()
    {
        await PutAsync(2 << 20);
        Operation[] one = [Operation.Increment(Key, "1"u8.ToArray()) with { Path = "/n"u8.ToArray() }];
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 10; i++) await _store.ExecuteAsync(one, new CountingSink());
        })));
        var sink = new Values();
        await _store.ExecuteAsync(new[] { Operation.Get(Key) with { Path = "/n"u8.ToArray() } }, sink);
        Assert.Equal("40", Assert.Single(sink.All));
        Assert.Equal(41, _store.GetStats().Version);
    }

    /// <summary>A thousand edits of one value become one commit with one put.</summary>
    [Fact]
    public async Task CommitAsync_ManyEditsOfOneLongValue_CommitsOneChange()
    {
        await PutAsync(250_000);
        using IWatch watch = _store.Watch(new WatchQuery { From = 2 }, () => { });
        Operation[] batch = [.. Enumerable.Repeat(Operation.Increment(Key, "1"u8.ToArray()) with { Path = "/n"u8.ToArray() }, 1_000)];
        var sink = new Values();
        Assert.True(await _store.CommitAsync(batch, sink));
        Assert.Equal(Enumerable.Range(1, 1_000).Select(n => $"{n}"), sink.All);

        var changes = new Feed.RecordingChangeSink();
        while (await watch.ReadAsync(changes) == WatchStatus.More)
        {
        }
        Assert.Equal([2L], changes.Versions);
    }

    /// <summary>A long batch is evaluated without locks: other calls complete immediately.</summary>
    [Fact]
    public async Task CommitAsync_LongBatch_BlocksNoOtherCall()
    {
        await PutAsync(8 << 20);
        Operation[] batch = [.. Enumerable.Repeat(Operation.Increment(Key, "1"u8.ToArray()) with { Path = "/n"u8.ToArray() }, 30)];
        Task<bool> committing = _store.CommitAsync(batch, new CountingSink()).AsTask();
        int others = 0;
        for (; !committing.IsCompleted; others++)
            Assert.Equal(1, _store.ExecuteAsync(new[] { Operation.Get(Key) }, new CountingSink()).Completed());
        Assert.True(await committing);
        Assert.InRange(others, 10, int.MaxValue);
    }

    private async Task PutAsync(int bytes) => await _store.ExecuteAsync(
        new[] { Operation.Put(Key, Encoding.UTF8.GetBytes($$"""{"filler":"{{new string('x', bytes)}}","n":0}""")) }, new CountingSink());

    private sealed class Values : IResultSink
    {
        public List<string> All { get; } = [];

        public bool OnResult(int index, in OperationResult result)
        {
            All.Add(Encoding.UTF8.GetString(result.Value));
            return true;
        }
    }
}
