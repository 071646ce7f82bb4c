using System.Text;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Tests.Durability;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Feed;

/// <summary>Many concurrent writers and watches: each watch reports exactly the commits under its prefix.</summary>
public sealed class FeedThreadTests : IDisposable
{
    private const int Writers = 3;
    private const int WritesEach = 6_000;
    private const int Readers = 40;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public Task Watches_StoreInMemory_ReportExactlyTheirChanges() => Seeds.RunAsync(async random =>
    {
        using var store = new EmbeddedStore(TimeProvider.System, new() { FeedMemoryBytes = 1L << 30 });
        await RunAsync(store, random, between: () => Task.CompletedTask);
    });

    [Theory]
    [InlineData(DurabilityMode.Always, 20_000)]
    [InlineData(DurabilityMode.Always, 1 << 30)]
    [InlineData(DurabilityMode.EverySec, 20_000)]
    [InlineData(DurabilityMode.None, 1_000_000)]
    public Task Watches_StoreWithALog_ReportExactlyTheirChanges(DurabilityMode mode, long memoryBytes) => Seeds.RunAsync(async random =>
    {
        await using DataDirectory directory = DataDirectory.Open(
            new DataOptions
            {
                Directory = _directory.Path, Durability = mode, SegmentBytes = DataOptions.SegmentBytesMin, HistoryBytes = 1L << 30,
                SnapshotOnStop = false,
            },
            new EmbeddedStoreOptions { FeedMemoryBytes = memoryBytes }, TimeProvider.System, NullLoggerFactory.Instance);
        await RunAsync(directory.Store, random, between: () => directory.SnapshotAsync());
        Assert.Equal(1, directory.Store.GetStats().OldestVersion);
    });

    private static async Task RunAsync(IKeyValueStore store, Random random, Func<Task> between)
    {
        using var everything = new FeedReader(store, "", random.Next());
        FeedReader[] readers =
            [.. Enumerable.Range(0, Readers).Select(_ => new FeedReader(store, FeedWriter.Key(random, lengthMax: 3), random.Next()))];
        Task[] reading = [everything.RunAsync(), .. readers.Select(reader => reader.RunAsync())];
        FeedWriter[] writers = [.. Enumerable.Range(0, Writers).Select(_ => new FeedWriter(store, new Random(random.Next())))];
        Task writing = Task.WhenAll(writers.Select(writer => Task.Run(() => writer.RunAsync(WritesEach))));
        await between();
        await writing;

        // A reader that does not receive its last key has missed a change.
        Operation[] last =
            [.. readers.Append(everything).Select(reader => reader.LastKey).Distinct().Select(key => Operations.Put(key, "1"))];
        await store.CommitAsync(last, new CountingSink());
        await Task.WhenAll(reading).WaitAsync(Wait.Patience);

        Assert.Equal(
            Enumerable.Range(1, (int)store.GetStats().Version).Select(version => (long)version),
            everything.Changes.Select(change => change.Version).Distinct());
        ILookup<long, RecordedChange> byVersion = everything.Changes.ToLookup(change => change.Version);
        foreach (RecordedChange written in writers.SelectMany(writer => writer.Written))
            Assert.Equal(written, Assert.Single(byVersion[written.Version]));
        foreach (FeedReader reader in readers)
        {
            Assert.Equal(
                everything.Changes.Where(change => change.Key.StartsWith(reader.Prefix, StringComparison.Ordinal)), reader.Changes);
            reader.Dispose();
        }
        Assert.Equal(1, store.GetStats().Watches);
    }
}

internal sealed class FeedWriter(IKeyValueStore store, Random random) : IResultSink
{
    private Operation _operation;

    public List<RecordedChange> Written { get; } = [];

    /// <summary>Uses few letters, so that many keys share prefixes.</summary>
    public static string Key(Random random, int lengthMax) => new(random.GetItems<char>("abcd", random.Next(1, lengthMax + 1)));

    public async Task RunAsync(int writes)
    {
        for (int i = 0; i < writes; i++)
        {
            string key = Key(random, lengthMax: 5);
            _operation = random.Next(4) switch
            {
                0 => Operations.Delete(key),
                1 => Operations.Expire(key, Operation.ExpiresAtMax - random.Next(10)),
                _ => Operations.Put(key, new string('1', random.Next(1, random.Next(50) == 0 ? 5_000 : 20))),
            };
            _operation = _operation with { AcknowledgeFromMemory = random.Next(50) != 0 };
            await store.ExecuteAsync(new[] { _operation }, this);
        }
    }

    public bool OnResult(int index, in OperationResult result)
    {
        if (result.Status != ResultStatus.Done) return true;
        ChangeKind kind = _operation.Kind switch
        {
            OperationKind.Put => ChangeKind.Put,
            OperationKind.Delete => ChangeKind.Delete,
            _ => ChangeKind.SetExpiry,
        };
        string value = kind == ChangeKind.Put ? Encoding.UTF8.GetString(_operation.Value.Span) : "";
        Written.Add(new(kind, result.Version, Encoding.UTF8.GetString(_operation.Key.Span), value, _operation.ExpiresAt));
        return true;
    }
}

/// <summary>Reads a watch like a fast or slow client that sometimes reconnects.</summary>
internal sealed class FeedReader(IKeyValueStore store, string prefix, int seed) : IDisposable
{
    private const char LastLetter = '~';

    private readonly Random _random = new(seed);
    private readonly RecordingChangeSink _sink = new();
    private readonly SemaphoreSlim _woken = new(0);

    public string Prefix => prefix;

    /// <summary>The reader ends after this key, or after that of another reader, because all are of one commit.</summary>
    public string LastKey => prefix + LastLetter;

    public List<RecordedChange> Changes => _sink.Changes;

    private bool IsDone => Changes.Count > 0 && Changes[^1].Key.EndsWith(LastLetter);

    public Task RunAsync()
    {
        IWatch watch = Open(from: 1);
        return Task.Run(() => RunAsync(watch));
    }

    public void Dispose() => _woken.Dispose();

    private async Task RunAsync(IWatch watch)
    {
        int stopAfter = _random.Next(3) switch { 0 => 1, 1 => 100, _ => int.MaxValue };
        while (!IsDone)
        {
            _sink.StopAfter = stopAfter;
            WatchStatus status = await watch.ReadAsync(_sink);
            Assert.InRange(status, WatchStatus.More, WatchStatus.UpToDate);
            if (status == WatchStatus.UpToDate && !IsDone) await _woken.WaitAsync();
            if (_random.Next(200) != 0) continue;

            long position = watch.Position;
            watch.Dispose();
            watch = Open(position + 1);
        }
        if (prefix.Length > 0) watch.Dispose();
    }

    private IWatch Open(long from) =>
        store.Watch(new WatchQuery { Prefix = Encoding.UTF8.GetBytes(prefix), From = from }, () => _woken.Release());
}
