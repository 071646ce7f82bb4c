using System.Text;
using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Files;
using KestrelKv.Storage.Postgres.Backups;
using KestrelKv.Storage.Postgres.Reading;

namespace KestrelKv.Storage.Postgres.Tests.Backups;

/// <summary>Backups of a store on PostgreSQL.</summary>
[Collection(SharedServer.Name)]
public sealed class BackupTests(PostgresServer server)
{
    /// <summary>After this time the server ends other transactions that wait for their client.</summary>
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(2.5);

    private readonly string _schema = PostgresServer.NewSchema();

    /// <summary>Two entries in different pages, which each batch changes together.</summary>
    [Fact]
    public async Task OpenBackupAsync_BatchAfterItsBegin_IsNotInIt()
    {
        await using PostgresStore store = await Calls.OpenAsync(server, _schema);
        await PutBatchAsync(store, "1");
        await server.QueryAsync(
            $"""
            INSERT INTO entries SELECT convert_to('m' || n, 'UTF8'), '"{new string('x', 2_000)}"', 1, 0
            FROM generate_series(1, {3 * EntryPage.EntriesMax}) n
            """,
            _schema);
        await using PostgresBackup backup = await store.OpenBackupAsync(_ =>
        {
            Wait(PutBatchAsync(store, "2"));
            return true;
        });
        Dictionary<string, string> entries = Read(backup, out SnapshotEnd end);
        Assert.Equal((1, 1), (backup.Version, end.Version));
        Assert.Equal(3 * EntryPage.EntriesMax + 2, entries.Count);
        Assert.Equal(("1", "1"), (entries["a"], entries["z"]));
    }

    [Fact]
    public async Task OpenBackupAsync_SlowProcess_KeepsItsTransaction()
    {
        await using PostgresStore store = await Calls.OpenAsync(server, _schema);
        await PutBatchAsync(store, "1");
        await using PostgresBackup backup = await store.OpenBackupAsync(_ =>
        {
            Thread.Sleep(IdleTime);
            return true;
        });
        Assert.Equal(2, Read(backup, out _).Count);
    }

    [Fact]
    public async Task OpenBackupAsync_Canceled_EndsItsTransaction()
    {
        await using PostgresStore store = await Calls.OpenAsync(server, _schema);
        await PutBatchAsync(store, "1");
        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.OpenBackupAsync(
            _ =>
            {
                cancellation.Cancel();
                return true;
            },
            cancellation.Token));
        await using PostgresBackup next = await store.OpenBackupAsync(_ => true).WaitAsync(Testing.Wait.Patience);
        Assert.Equal(2, Read(next, out _).Count);
    }

    [Fact]
    public async Task OpenBackupAsync_Second_WaitsForTheDisposalOfTheFirst()
    {
        await using PostgresStore store = await Calls.OpenAsync(server, _schema);
        PostgresBackup first = await store.OpenBackupAsync(_ => true);
        Task<PostgresBackup> second = store.OpenBackupAsync(_ => false);
        Assert.Equal(1, (await store.PutAsync("a", "1")).Version);
        Assert.False(second.IsCompleted);
        await first.DisposeAsync();
        await using PostgresBackup opened = await second.WaitAsync(Testing.Wait.Patience);
        Assert.Equal((1, null), (opened.Version, opened.File));
    }

    private static void Wait(Task task) => task.GetAwaiter().GetResult();

    private static async Task PutBatchAsync(PostgresStore store, string value) => Assert.True(await store.CommitAsync(
        new[] { Operation.Put(Calls.Utf8("a"), Calls.Utf8(value)), Operation.Put(Calls.Utf8("z"), Calls.Utf8(value)) },
        new Storage.Tests.RecordingSink()));

    private static Dictionary<string, string> Read(PostgresBackup backup, out SnapshotEnd end)
    {
        Dictionary<string, string> entries = [];
        var changes = new SnapshotChanges(FileDisk.Of((FileStream)backup.File!), "backup");
        while (changes.TryVisitNext((in Commits.Record change, long _) =>
            entries.Add(Encoding.UTF8.GetString(change.Key), Encoding.UTF8.GetString(change.Value))))
        {
        }
        end = changes.End;
        return entries;
    }
}
