using System.Text;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Tests.Feed;
using KestrelKv.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The data after a restart on the real disk.</summary>
public sealed class RestartTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TestTime _time = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(DurabilityMode.Always, false)]
    [InlineData(DurabilityMode.Always, true)]
    [InlineData(DurabilityMode.EverySec, false)]
    [InlineData(DurabilityMode.None, false)]
    [InlineData(DurabilityMode.None, true)]
    public Task Open_AfterClose_HasAllEntriesWithVersionsAndExpiries(DurabilityMode mode, bool snapshotOnStop) =>
        Seeds.RunAsync(async random =>
    {
        long version = 0;
        List<RecordedEntry> expected = [];
        for (int round = 0; round < 4; round++)
        {
            DataDirectory store = Open(mode, snapshotOnStop);
            Assert.Equal(version, store.LastRecovered);
            Assert.Equal(expected, await ListAsync(store));
            long start = store.Store.GetStats().Version;
            if (round > 0) Assert.InRange(start, version + VersionRange.Stride, long.MaxValue);

            for (int i = 0; i < 200; i++) await ChangeAsync(store, random);
            if (round == 2) await store.SnapshotAsync();
            await ChangeAsync(store, random);
            version = store.Store.GetStats().Version;
            expected = await ListAsync(store);
            await store.CloseAsync(CancellationToken.None);
        }
        Assert.True(expected.Count > 50);
    });

    [Fact]
    public async Task Close_NoCommitsSinceTheSnapshot_TakesNoSnapshot()
    {
        DataDirectory store = Open(DurabilityMode.Always, snapshotOnStop: true);
        await ChangeAsync(store, new Random(1));
        await store.CloseAsync(CancellationToken.None);
        string[] files = _directory.Files;
        for (int i = 0; i < 3; i++) await Open(DurabilityMode.Always, snapshotOnStop: true).CloseAsync(CancellationToken.None);
        Assert.Equal(files, _directory.Files);
    }

    /// <summary>As if an operator copied the files of a stopped server and put them back later.</summary>
    [Fact]
    public async Task Open_OlderFilesPutBack_NeverReusesVersions()
    {
        using var copy = new TemporaryDirectory();
        DataDirectory store = Open(DurabilityMode.Always, snapshotOnStop: false);
        await PutAsync(store, "before");
        await store.CloseAsync(CancellationToken.None);
        foreach (string name in _directory.Files) File.Copy(_directory.PathOf(name), copy.PathOf(name));

        _time.Advance(TimeSpan.FromMinutes(1));
        store = Open(DurabilityMode.Always, snapshotOnStop: false);
        await PutAsync(store, "lost");
        long lost = store.Store.GetStats().Version;
        await store.CloseAsync(CancellationToken.None);
        foreach (string name in copy.Files) File.Copy(copy.PathOf(name), _directory.PathOf(name), overwrite: true);

        _time.Advance(TimeSpan.FromMinutes(1));
        await using DataDirectory again = Open(DurabilityMode.Always, snapshotOnStop: false);
        Assert.Equal((1, 1), (again.Store.GetStats().Keys, again.LastRecovered));
        Assert.InRange(again.Store.GetStats().Version, lost, long.MaxValue);
        using IWatch watch = again.Store.Watch(new WatchQuery { From = lost + 1 }, () => { });
        Assert.Equal(WatchStatus.Compacted, await watch.ReadAsync(new RecordingChangeSink()));
    }

    /// <summary>The clock is years behind at the next start.</summary>
    [Fact]
    public async Task Open_ClockSetBack_BeginsAboveTheLastVersion()
    {
        DataDirectory store = Open(DurabilityMode.Always, snapshotOnStop: false);
        await PutAsync(store, "key");
        await store.CloseAsync(CancellationToken.None);
        store = Open(DurabilityMode.Always, snapshotOnStop: false);
        long start = store.Store.GetStats().Version;
        await store.CloseAsync(CancellationToken.None);

        await using DataDirectory again = Open(
            DurabilityMode.Always, snapshotOnStop: false, time: new TestTime(DateTimeOffset.UnixEpoch));
        Assert.InRange(again.Store.GetStats().Version, start + VersionRange.Stride, start + 2 * VersionRange.Stride);
    }

    [Fact]
    public async Task Open_ManySegments_ReadsAll()
    {
        DataDirectory store = Open(DurabilityMode.Always, snapshotOnStop: false);
        byte[] value = Encoding.UTF8.GetBytes($"\"{new string('x', 300_000)}\"");
        for (int i = 0; i < 30; i++)
            await store.Store.ExecuteAsync(new[] { Operation.Put(Encoding.UTF8.GetBytes($"k{i}"), value) }, new CountingSink());
        await store.CloseAsync(CancellationToken.None);
        Assert.True(_directory.Files.Length > 8);

        await using DataDirectory again = Open(DurabilityMode.Always, snapshotOnStop: false);
        Assert.Equal(30, again.Store.GetStats().Keys);
    }

    [Fact]
    public async Task Execute_ValueLargerThanASegment_SurvivesRestart()
    {
        byte[] value = Encoding.UTF8.GetBytes($"\"{new string('x', 5_000_000)}\"");
        DataDirectory store = Open(DurabilityMode.Always, snapshotOnStop: false);
        for (int i = 0; i < 5; i++)
            await store.Store.ExecuteAsync(new[] { Operation.Put(Encoding.UTF8.GetBytes($"k{i}"), value) }, new CountingSink());
        await store.CloseAsync(CancellationToken.None);

        await using DataDirectory again = Open(DurabilityMode.Always, snapshotOnStop: false);
        Assert.Equal(5, again.Store.GetStats().Keys);
        Assert.All(await ListAsync(again), entry => Assert.Equal(value.Length, entry.Value.Length));
    }

    [Fact]
    public async Task Open_DirectoryInUse_NamesTheHolder()
    {
        await using DataDirectory store = Open(DurabilityMode.Always, snapshotOnStop: false);
        DataException e = Assert.Throws<DataException>(() => Open(DurabilityMode.Always, snapshotOnStop: false));
        Assert.Contains($"in use by process {Environment.ProcessId}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_NewDirectory_CreatesFilesThatOnlyTheOwnerCanRead()
    {
        if (OperatingSystem.IsWindows()) return; // Windows has no file modes.
        await using DataDirectory store = Open(DurabilityMode.Always, snapshotOnStop: false);
        await store.Store.ExecuteAsync(new[] { Operation.Put("key"u8.ToArray(), "1"u8.ToArray()) }, new CountingSink());
        await store.SnapshotAsync();
        foreach (string name in _directory.Files)
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_directory.PathOf(name)));
    }

    [Fact]
    public async Task SnapshotAsync_NoHistory_DeletesTheLogBeforeIt()
    {
        await using DataDirectory store = Open(DurabilityMode.Always, snapshotOnStop: false, historyBytes: 0);
        byte[] value = Encoding.UTF8.GetBytes($"\"{new string('x', 300_000)}\"");
        for (int i = 0; i < 20; i++)
            await store.Store.ExecuteAsync(new[] { Operation.Put("key"u8.ToArray(), value) }, new CountingSink());
        long before = store.GetStats().LogBytes;

        SnapshotInfo snapshot = await store.SnapshotAsync();

        Assert.Equal(20, snapshot.Version);
        Assert.True(store.GetStats().LogBytes < before / 2);
        Assert.DoesNotContain("0000000000000000001.log", _directory.Files);
        Assert.Contains("0000000000000000020.snapshot", _directory.Files);
    }

    [Fact]
    public async Task SnapshotAsync_ModeNone_CompletesWhileWritesContinue()
    {
        await using DataDirectory store = Open(DurabilityMode.None, snapshotOnStop: false);
        byte[] value = Encoding.UTF8.GetBytes($"\"{new string('x', 100_000)}\"");
        using var stop = new CancellationTokenSource();
        Task writing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                await store.Store.ExecuteAsync(new[] { Operation.Put("key"u8.ToArray(), value) }, new CountingSink());
        });
        try
        {
            for (int i = 0; i < 50; i++) await store.SnapshotAsync().WaitAsync(Wait.Patience);
        }
        finally
        {
            await stop.CancelAsync();
            await writing;
        }
    }

    private static async Task PutAsync(DataDirectory store, string key) =>
        await store.Store.ExecuteAsync(new[] { Operation.Put(Encoding.UTF8.GetBytes(key), "1"u8.ToArray()) }, new CountingSink());

    private static async Task ChangeAsync(DataDirectory store, Random random)
    {
        Operation[] operations = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => RandomChange(random))];
        if (random.Next(3) == 0) await store.Store.CommitAsync(operations, new CountingSink());
        else await store.Store.ExecuteAsync(operations, new CountingSink());
    }

    private static Operation RandomChange(Random random)
    {
        byte[] key = Encoding.UTF8.GetBytes($"key{random.Next(200)}");
        long expiresAt = random.Next(3) == 0 ? 4_000_000_000_000 + random.Next(1_000) : Operation.Never;
        return random.Next(6) switch
        {
            0 => Operation.Delete(key),
            1 => Operation.Expire(key, expiresAt),
            _ =>
                Operation.Put(
                    key, Encoding.UTF8.GetBytes($"\"{new string('v', random.Next(random.Next(2) == 0 ? 20 : 5_000))}\""), expiresAt),
        };
    }

    private static async Task<List<RecordedEntry>> ListAsync(DataDirectory store)
    {
        var sink = new RecordingEntrySink();
        await store.Store.ListAsync(new ListQuery { Limit = int.MaxValue }, sink);
        return sink.Entries;
    }

    private DataDirectory Open(DurabilityMode mode, bool snapshotOnStop, long historyBytes = 1 << 20, TimeProvider? time = null) =>
        DataDirectory.Open(
        new DataOptions
        {
            Directory = _directory.Path, Durability = mode, SegmentBytes = DataOptions.SegmentBytesMin, SnapshotOnStop = snapshotOnStop,
            HistoryBytes = historyBytes,
        },
        new EmbeddedStoreOptions(), time ?? _time, NullLoggerFactory.Instance);
}
