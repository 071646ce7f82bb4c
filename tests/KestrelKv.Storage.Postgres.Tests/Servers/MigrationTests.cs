using System.Net;
using System.Text.Json;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Servers;

/// <summary>The migration of a store between the engines, as an operator does it.</summary>
public sealed class MigrationTests(PostgresServer database) : IClassFixture<PostgresServer>, IDisposable
{
    private const string Increment = """{"func": "INCR", "params": {"obj": "n", "request_id": "r"}}""";

    private const string Batch =
        """
        {"func": "BATCH", "params": {"request_id": "b", "ops": [
            {"func": "INCR", "params": {"obj": "n"}}, {"func": "PUT", "params": {"obj": "batch", "val": [1]}}]}}
        """;

    private static readonly string LongKey = new('k', PostgresStore.KeyBytesMax);

    private static readonly string[] Writes =
    [
        Frames.Put("a", "{\"b\": 1.50, \"c\":[ ]}"),
        Frames.Put("large", $"\"{new string('x', 300_000)}\""),
        Frames.Put("\0\u0001\u007f\ud83d\ude00", "null"),
        Frames.Put(LongKey, "1"),
        """{"func": "PUT", "params": {"obj": "expires", "val": 1, "expires_at": 4102444800.5}}""",
        """{"func": "PATCH", "params": {"obj": "a", "merge": {"d": "\u00e9"}}}""",
        """{"func": "PUT", "params": {"obj": "a", "path": "/e", "val": 1e400}}""",
        """{"func": "EXPIRE", "params": {"obj": "a", "expires_at": 4102444801}}""",
        Frames.Put("deleted", "1"),
        """{"func": "DELETE", "params": {"obj": "deleted"}}""",
    ];

    private readonly string _schema = PostgresServer.NewSchema();
    private readonly DataDirectory _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Backup_RestoredIntoTheOtherEngineAndBack_HasTheSameEntriesAndRequests()
    {
        Snapshot first, second;
        string[] backups = [_files.PathTo("embedded"), _files.PathTo("postgres")];
        await using (ServerProcess embedded = await ServerProcess.StartAsync())
        {
            using WireClient client = await WireClient.ConnectAsync(embedded.WirePort);
            foreach (string write in Writes)
                Assert.StartsWith("{\"status\": \"OK\"", await client.CallAsync(write), StringComparison.Ordinal);
            first = await Snapshot.OfAsync(client);
            await FetchAsync(embedded, backups[0], first.Version);
        }

        string totals = $"{first.Keys} entries with {first.Bytes} bytes, and 2 idempotency records";
        Assert.Equal((0, $"Restored version {first.Version} from {backups[0]}: {totals}\n"), await RestoreAsync(backups[0]));
        await using (ServerProcess postgres = await StartAsync())
        {
            using WireClient client = await WireClient.ConnectAsync(postgres.WirePort);
            Assert.Equal(first with { Version = 0 }, await Snapshot.OfAsync(client) with { Version = 0 });
            using (WireClient watcher = await WireClient.ConnectAsync(postgres.WirePort))
            {
                string watch = $$$"""{"func": "WATCH", "params": {"from_version": {{{first.Version}}}}}""";
                Assert.Equal("compacted", Frames.ErrorCode(await watcher.CallAsync(watch)));
            }

            // The next version is above those that the first server may have assigned after the backup.
            string put = await client.CallAsync("""{"func": "PUT", "params": {"obj": "a", "val": 2, "meta": true}}""");
            using JsonDocument reply = JsonDocument.Parse(put);
            long version = reply.RootElement.GetProperty("response").GetProperty("response").GetProperty("version").GetInt64();
            Assert.InRange(version, first.Version + (1 << 24), long.MaxValue);
            second = await Snapshot.OfAsync(client);
            await FetchAsync(postgres, backups[1], second.Version);
            Assert.Equal(0, await postgres.StopAsync());
            postgres.AssertNoComplaint();
        }

        using var data = new DataDirectory();
        Assert.Equal(
            (0, $"Restored version {second.Version} from {backups[1]}\n"),
            await ServerProcess.RunToEndAsync(["restore", backups[1]], [], data));
        await using ServerProcess back = await ServerProcess.StartAsync(data: data);
        using WireClient last = await WireClient.ConnectAsync(back.WirePort);
        Assert.Equal(second with { Version = 0 }, await Snapshot.OfAsync(last) with { Version = 0 });
        back.AssertNoComplaint();
    }

    [Fact]
    public async Task Restore_DamagedBackup_IsRefusedAndChangesNothing()
    {
        string backup = await BackUpAsync();
        byte[] bytes = await File.ReadAllBytesAsync(backup);
        byte[] flipped = [.. bytes];
        flipped[bytes.Length / 2] ^= 1;
        foreach (byte[] damaged in (byte[][])[bytes[..^1], [.. bytes, 0], flipped])
        {
            await File.WriteAllBytesAsync(backup, damaged);
            Assert.Contains("offset", await RefuseAsync(backup), StringComparison.Ordinal);
        }
        Assert.IsType<DBNull>(await database.QueryAsync($"SELECT to_regclass('{_schema}.entries')::text"));
    }

    [Fact]
    public async Task Restore_SchemaWithData_IsRefusedAndChangesNothing()
    {
        string backup = await BackUpAsync();
        string before;
        await using (ServerProcess server = await StartAsync())
        {
            using WireClient client = await WireClient.ConnectAsync(server.WirePort);
            await client.CallAsync(Frames.Put("other", "1"));
            before = (await Snapshot.OfAsync(client)).Entries;
        }
        Assert.Contains($"The schema {_schema} has data already", await RefuseAsync(backup), StringComparison.Ordinal);
        Assert.Contains(
            "must drop the schema and create it for the role again, or create another one for Store:Postgres:Schema",
            await RefuseAsync(backup), StringComparison.Ordinal);
        await using ServerProcess restarted = await StartAsync();
        using WireClient again = await WireClient.ConnectAsync(restarted.WirePort);
        Assert.Equal(before, (await Snapshot.OfAsync(again)).Entries);
    }

    [Fact]
    public async Task Restore_LongKeys_IsRefused()
    {
        string backup = _files.PathTo("long");
        await using (ServerProcess server = await ServerProcess.StartAsync())
        {
            using WireClient client = await WireClient.ConnectAsync(server.WirePort);
            foreach (int length in (int[])[4_096, 2_049, 2_048]) await client.CallAsync(Frames.Put(new('k', length), "1"));
            await FetchAsync(server, backup, 3);
        }
        Assert.Contains(
            "The backup has 2 keys that exceed 2048 bytes, the limit of PostgreSQL. The first one has 2049 bytes.",
            await RefuseAsync(backup), StringComparison.Ordinal);
    }

    /// <summary>The restore waits for a lock, with all entries loaded, when it is killed.</summary>
    [Fact]
    public async Task Restore_KilledWhileItLoads_LeavesNothing()
    {
        string backup = await BackUpAsync();
        await using (await Calls.OpenAsync(database, _schema))
        {
        }
        await using (await database.HoldAsync($"LOCK TABLE {_schema}.meta IN SHARE MODE"))
        {
            await ServerProcess.KillWhenAsync(
                ["restore", backup], Settings, Environment,
                async () => await database.QueryAsync("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'relation'") is 1L);
        }
        Assert.Equal(0L, await database.QueryAsync("SELECT (SELECT count(*) FROM entries) + (SELECT count(*) FROM commits)", _schema));
        Assert.Equal(0, (await RestoreAsync(backup)).ExitCode);
    }

    [Fact]
    public async Task Salvage_OnPostgres_IsRefused()
    {
        (int exitCode, string output) = await ServerProcess.RunToEndAsync(["salvage"], Settings, null, Environment);
        Assert.Equal(1, exitCode);
        Assert.StartsWith(
            "kestrelkv: the setting KestrelKv:Store:Engine is Postgres", Assert.Single(output.TrimEnd().Split('\n')),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Backup_Conditions_NeedNoFile()
    {
        await using ServerProcess server = await StartAsync();
        using (WireClient client = await WireClient.ConnectAsync(server.WirePort)) await client.CallAsync(Frames.Put("a", "1"));
        Assert.Equal((HttpStatusCode.OK, "\"1\"", true), await AskAsync(server, HttpMethod.Head, null));
        Assert.Equal((HttpStatusCode.NotModified, "\"1\"", false), await AskAsync(server, HttpMethod.Get, ("If-None-Match", "\"1\"")));
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await AskAsync(server, HttpMethod.Get, ("If-Match", "\"2\""))).Status);

        static async Task<(HttpStatusCode Status, string? ETag, bool HasLength)> AskAsync(
            ServerProcess server, HttpMethod method, (string Name, string Value)? condition)
        {
            using var http = new HttpClient();
            using var request = new HttpRequestMessage(method, new Uri(server.Admin, "v1/admin/backup"));
            if (condition is { } header) request.Headers.Add(header.Name, header.Value);
            using HttpResponseMessage response = await http.SendAsync(request);
            return (response.StatusCode, response.Headers.ETag?.Tag, response.Content.Headers.ContentLength > 0);
        }
    }

    /// <summary>The other settings of the section must have their defaults.</summary>
    private static Dictionary<string, string> Environment => new() { ["KestrelKv__Data__Directory"] = "data" };

    private string[] Settings =>
    [
        "Store:Engine=Postgres", $"Store:Postgres:ConnectionString={database.ConnectionString}", $"Store:Postgres:Schema={_schema}",
        "Store:Postgres:SynchronousStandby=false",
    ];

    private Task<ServerProcess> StartAsync() => ServerProcess.StartAsync(Settings, Environment);

    private Task<(int ExitCode, string Output)> RestoreAsync(string backup) =>
        ServerProcess.RunToEndAsync(["restore", backup], Settings, null, Environment);

    private async Task<string> RefuseAsync(string backup)
    {
        (int exitCode, string output) = await RestoreAsync(backup);
        Assert.Equal(1, exitCode);
        return Assert.Single(output.TrimEnd().Split('\n'));
    }

    /// <summary>Returns the backup of an embedded server with some entries.</summary>
    private async Task<string> BackUpAsync()
    {
        string backup = _files.PathTo("backup");
        await using ServerProcess server = await ServerProcess.StartAsync();
        using WireClient client = await WireClient.ConnectAsync(server.WirePort);
        for (int i = 0; i < 100; i++) await client.CallAsync(Frames.Put($"key:{i}", $"\"{i}\""));
        await FetchAsync(server, backup, 100);
        return backup;
    }

    private static async Task FetchAsync(ServerProcess server, string file, long version)
    {
        using var http = new HttpClient();
        using HttpResponseMessage response = await http.GetAsync(new Uri(server.Admin, "v1/admin/backup"));
        byte[] bytes = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal((HttpStatusCode.OK, $"\"{version}\""), (response.StatusCode, response.Headers.ETag?.Tag));
        Assert.Equal(bytes.Length, response.Content.Headers.ContentLength);
        Assert.Equal($"kestrelkv-{version}.snapshot", response.Content.Headers.ContentDisposition?.FileName);
        await File.WriteAllBytesAsync(file, bytes);
    }

    /// <summary>What a client sees of a store: the entries with versions and expiries, and the outcomes of two retried requests.</summary>
    private sealed record Snapshot(string Entries, string Increment, string Batch, long Keys, long Bytes, long Version)
    {
        public static async Task<Snapshot> OfAsync(WireClient client)
        {
            // The first calls execute the requests. On a store with their records, they are recognized.
            string increment = await client.CallAsync(MigrationTests.Increment), batch = await client.CallAsync(MigrationTests.Batch);
            Assert.All([increment, batch], reply => Assert.StartsWith("{\"status\": \"OK\"", reply, StringComparison.Ordinal));
            string scan = await client.CallAsync("""{"func": "SCAN", "params": {"values": true, "meta": true, "limit": 1000}}""");
            Assert.Contains("\"next\": null", scan, StringComparison.Ordinal);
            string info = await client.CallAsync("""{"func": "INFO", "params": {}}""");
            JsonElement stats = JsonSerializer.Deserialize<JsonElement>(info).GetProperty("response").GetProperty("response");
            return new(
                scan[..scan.IndexOf("\"next\"", StringComparison.Ordinal)], increment, batch,
                stats.GetProperty("keys").GetInt64(), stats.GetProperty("bytes").GetInt64(), stats.GetProperty("version").GetInt64());
        }
    }
}
