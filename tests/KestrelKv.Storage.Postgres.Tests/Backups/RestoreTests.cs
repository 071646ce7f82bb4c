using System.Text;
using KestrelKv.Storage.Commits;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Tests;
using KestrelKv.Testing;
using DataDirectory = KestrelKv.Testing.DataDirectory;
using Record = KestrelKv.Storage.Commits.Record;

namespace KestrelKv.Storage.Postgres.Tests.Backups;

/// <summary>The restore of snapshot files that contain commits after the entries, as those of a busy embedded engine do.</summary>
[Collection(SharedServer.Name)]
public sealed class RestoreTests(PostgresServer server) : IDisposable
{
    private const int Keys = 20;
    private const int Commits = 300;

    /// <summary>The version at which the copy of the entries begins.</summary>
    private const long Begin = 100;

    /// <summary>The values of all commits together exceed one group.</summary>
    private const int LargeBytes = 512 * 1024;

    private readonly string _schema = PostgresServer.NewSchema();
    private readonly DataDirectory _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public Task RestoreAsync_EntriesCopiedAtDifferentTimes_HasTheStateOfTheLastCommit() => Seeds.RunAsync(async random =>
    {
        string file = _files.PathTo("random.snapshot");
        List<RecordedEntry> expected = WriteRandom(file, random);
        await RestoreAsync(file);
        await using PostgresStore store = await Calls.OpenAsync(server, _schema);
        var sink = new RecordingEntrySink();
        await store.ListAsync(new ListQuery { Limit = int.MaxValue }, sink);
        Assert.Equal(expected, sink.Entries);
        StoreStats stats = store.GetStats();
        long bytes = expected.Sum(entry => (long)(Encoding.UTF8.GetByteCount(entry.Key) + Encoding.UTF8.GetByteCount(entry.Value)));
        Assert.Equal((expected.Count, bytes), (stats.Keys, stats.Bytes));

        // Above all versions that were assigned after the backup.
        Assert.InRange(stats.Version, Begin + Commits + (1 << 24), long.MaxValue);
        Assert.Equal(stats.Version + 1, stats.OldestVersion);
        Assert.Equal(stats.Version + 1, (await store.PutAsync("next", "1")).Version);
    });

    [Fact]
    public async Task RestoreAsync_LongKeyDeletedByALaterCommit_IsAccepted()
    {
        byte[] longKey = new byte[PostgresStore.KeyBytesMax + 1];
        string file = _files.PathTo("long.snapshot");
        Write(file, entries => entries.Add(Put(longKey, "1", 7)), [(RecordKind.Put, [1], "2"), (RecordKind.Delete, longKey, "")]);
        await RestoreAsync(file);
        Assert.Equal(1L, await server.QueryAsync("SELECT count(*) FROM entries", _schema));

        Write(file, entries => entries.Add(Put(longKey, "1", 7)), [(RecordKind.Put, new byte[3_000], "2")]);
        DataException refused = await Assert.ThrowsAsync<DataException>(() => RestoreAsync(file));
        Assert.StartsWith("The backup has 2 keys that exceed 2048 bytes, ", refused.Message, StringComparison.Ordinal);
        Assert.Contains("The first one has 2049 bytes.", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RestoreAsync_EmptyStore_LeavesTheFirstVersion()
    {
        string file = _files.PathTo("empty.snapshot");
        using (FileStream stream = File.Create(file))
            new SnapshotWriter(FileDisk.Of(stream), new FileHeader(FileKind.Snapshot, 1, 0)).Finish(new SnapshotEnd(0, 0, 1, 0));
        await RestoreAsync(file);
        await using PostgresStore store = await Calls.OpenAsync(server, _schema);
        Assert.Equal(1, (await store.PutAsync("a", "1")).Version);
    }

    [Fact]
    public async Task RestoreAsync_WhileAStoreIsOpen_ItContinuesWithTheData()
    {
        string file = _files.PathTo("random.snapshot");
        Write(file, entries => entries.Add(Put("a"u8.ToArray(), "1", 7)), []);
        await using PostgresStore store = await Calls.OpenAsync(server, _schema);
        await RestoreAsync(file);
        Assert.Equal((7, "1"), ((await store.GetAsync("a")).Version, (await store.GetAsync("a")).Value));
        Assert.InRange((await store.PutAsync("b", "1")).Version, Begin + (1 << 24), long.MaxValue);
    }

    private Task<string> RestoreAsync(string file) => PostgresCommands.RestoreAsync(
        new()
        {
            ConnectionString = server.ConnectionString, Schema = _schema, SynchronousStandby = false, ConnectTimeout = Calls.ConnectTimeout,
        },
        file, TimeProvider.System);

    private static Record Put(byte[] key, string value, long version, long expiresAt = Operation.Never) => new()
    {
        Kind = RecordKind.Put, Key = key, Value = Encoding.UTF8.GetBytes(value), Version = version, ExpiresAt = expiresAt,
    };

    /// <summary>Writes a snapshot with these entries, and commits of one change each.</summary>
    private static void Write(
        string file, Action<SnapshotEntries> addEntries, IReadOnlyList<(RecordKind Kind, byte[] Key, string Value)> commits)
    {
        using FileStream stream = File.Create(file);
        var writer = new SnapshotWriter(FileDisk.Of(stream), new FileHeader(FileKind.Snapshot, 1, Begin));
        var entries = new SnapshotEntries(writer);
        addEntries(entries);
        entries.Flush();
        long version = Begin;
        foreach ((RecordKind kind, byte[] key, string value) in commits)
            WriteCommit(writer, ++version, new Record { Kind = kind, Key = key, Value = Encoding.UTF8.GetBytes(value) });
        writer.Finish(new SnapshotEnd(version, entries.Count, 1, 0));
    }

    private static void WriteCommit(SnapshotWriter writer, long version, in Record change)
    {
        byte[] records = new byte[change.Bytes];
        change.Write(records);
        writer.WriteCommit(version, records);
    }

    /// <summary>
    /// Writes a snapshot of random commits. Each entry is copied at a random time among them. Returns the state after the last.
    /// </summary>
    private static List<RecordedEntry> WriteRandom(string file, Random random)
    {
        // The state of each key after each commit; null if there is no entry.
        var states = new RecordedEntry?[Keys, Commits + 1];
        var changes = new (RecordKind Kind, int Key, string Value, long ExpiresAt)[Commits];
        for (int key = 0; key < Keys; key++)
            if (random.Next(2) == 0) states[key, 0] = new(Name(key), "0", 1 + random.Next((int)Begin), Operation.Never);
        for (int i = 0; i < Commits; i++)
        {
            for (int key = 0; key < Keys; key++) states[key, i + 1] = states[key, i];
            int changed = random.Next(Keys);
            RecordedEntry? before = states[changed, i];
            RecordKind kind = before is null ? RecordKind.Put : (RecordKind)(1 + random.Next(4));
            string value = kind != RecordKind.Put ? "" : random.Next(8) == 0 ? new string('1', LargeBytes) : $"{i}";
            bool mayExpire = kind is RecordKind.Put or RecordKind.SetExpiry;
            long expiresAt = mayExpire && random.Next(2) == 0 ? 4_000_000_000_000 + i : Operation.Never;
            changes[i] = (kind, changed, value, expiresAt);
            states[changed, i + 1] = kind switch
            {
                RecordKind.Put => new(Name(changed), value, Begin + i + 1, expiresAt),
                RecordKind.SetExpiry => before! with { Version = Begin + i + 1, ExpiresAt = expiresAt },
                _ => null,
            };
        }

        using FileStream stream = File.Create(file);
        var writer = new SnapshotWriter(FileDisk.Of(stream), new FileHeader(FileKind.Snapshot, 1, Begin));
        var entries = new SnapshotEntries(writer);
        for (int key = 0; key < Keys; key++)
            if (states[key, random.Next(Commits + 1)] is { } copied)
                entries.Add(Put(Encoding.UTF8.GetBytes(copied.Key), copied.Value, copied.Version, copied.ExpiresAt));
        entries.Flush();
        for (int i = 0; i < Commits; i++)
        {
            (RecordKind kind, int key, string value, long expiresAt) = changes[i];
            WriteCommit(writer, Begin + i + 1, new Record
            {
                Kind = kind, Key = Encoding.UTF8.GetBytes(Name(key)), Value = Encoding.UTF8.GetBytes(value), ExpiresAt = expiresAt,
            });
        }
        writer.Finish(new SnapshotEnd(Begin + Commits, entries.Count, 1, 0));
        return [.. Enumerable.Range(0, Keys).Select(key => states[key, Commits]).OfType<RecordedEntry>()];

        static string Name(int key) => $"key:{key:D2}";
    }
}
