using System.Text;
using KestrelKv.Storage.Commits;
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

    /// <summary>A touch is no commit. It is on disk with the next commit that keeps the expiry, or with a snapshot.</summary>
    [Theory]
    [InlineData("nothing", false)]
    [InlineData("a snapshot", true)]
    [InlineData("an edit", true)]
    [InlineData("a commit of another key", false)]
    [InlineData("a commit of another key and a stop with a snapshot", true)]
    [InlineData("a stop with a snapshot", false)]
    public async Task Open_TouchedEntry_HasTheExpiryOnDisk(string after, bool isExtended)
    {
        bool snapshotOnStop = after.EndsWith("a stop with a snapshot", StringComparison.Ordinal);
        long expiresAt = _time.GetUtcNow().ToUnixTimeMilliseconds() + 60_000;
        DataDirectory store = Open(DurabilityMode.Always, snapshotOnStop: false);
        await store.Store.ExecuteAsync(new[] { Operation.Put("key"u8.ToArray(), "1"u8.ToArray(), expiresAt) }, new CountingSink());
        if (after == "a stop with a snapshot") await store.SnapshotAsync();
        await store.CloseAsync(CancellationToken.None);

        store = Open(DurabilityMode.Always, snapshotOnStop);
        long version = store.Store.GetStats().Version;
        await store.Store.ExecuteAsync(new[] { Operation.Touch("key"u8.ToArray(), expiresAt + 60_000) }, new CountingSink());
        Assert.Equal(expiresAt + 60_000, Assert.Single(await ListAsync(store)).ExpiresAt);
        Assert.Equal(version, store.Store.GetStats().Version);
        if (after == "a snapshot") await store.SnapshotAsync();
        if (after == "an edit")
            await store.Store.ExecuteAsync(new[] { Operation.Increment("key"u8.ToArray(), "1"u8.ToArray()) }, new CountingSink());
        if (after.StartsWith("a commit of another key", StringComparison.Ordinal)) await PutAsync(store, "other");
        await store.CloseAsync(CancellationToken.None);

        await using DataDirectory again = Open(DurabilityMode.Always, snapshotOnStop: false);
        RecordedEntry entry = (await ListAsync(again)).Single(entry => entry.Key == "key");
        Assert.Equal(isExtended ? expiresAt + 60_000 : expiresAt, entry.ExpiresAt);

        // The expiry is in force: the entry is removed when it expires.
        _time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(isExtended, (await ListAsync(again)).Any(left => left.Key == "key"));
        _time.Advance(TimeSpan.FromSeconds(61));
        Assert.DoesNotContain(await ListAsync(again), left => left.Key == "key");
    }

    /// <summary>A snapshot copied an entry after its last commit and after a touch. The commit follows in the same file.</summary>
    [Fact]
    public void Replay_CommitThatTheEntryHas_KeepsTheLaterExpiry()
    {
        using var entries = new Keyspace(_time, new EmbeddedStoreOptions());
        entries.Load(Bytes(new() { Kind = RecordKind.Put, Key = "key"u8, Value = "1"u8, ExpiresAt = 9_000, Version = 5 }), 1, 0);
        entries.Replay(Bytes(new() { Kind = RecordKind.Put, Key = "key"u8, Value = "1"u8, ExpiresAt = 8_000 }), version: 5);
        Assert.Equal(9_000, ExpiryOf(entries));
        entries.Replay(Bytes(new() { Kind = RecordKind.SetExpiry, Key = "key"u8, ExpiresAt = 7_000 }), version: 6);
        Assert.Equal(7_000, ExpiryOf(entries));

        static byte[] Bytes(in Commits.Record record)
        {
            byte[] bytes = new byte[record.Bytes];
            record.Write(bytes);
            return bytes;
        }

        static long ExpiryOf(Keyspace entries)
        {
            long expiresAt = 0;
            entries.CopyEntries(1, chunk =>
            {
                Assert.True(Commits.Record.TryRead(ref chunk, out Commits.Record record));
                expiresAt = record.ExpiresAt;
            });
            return expiresAt;
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
