using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Faults;

/// <summary>A server whose disk for tables is full, while that of the write-ahead log is not.</summary>
public sealed class FullDataDiskTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    [SmallDiskFact]
    public async Task Write_DataDiskFull_IsUnavailableUntilThereIsSpace()
    {
        await using SmallDisk disk = await SmallDisk.MountAsync(megabytes: 2);
        await DatabaseUser.CreateDirectoryAsync(disk.Data.FullPath);
        await server.QueryAsync($"CREATE TABLESPACE small LOCATION '{disk.Data.FullPath}'");
        string schema = PostgresServer.NewSchema();
        await using PostgresStore store = await Calls.OpenAsync(server, schema);
        await server.QueryAsync("ALTER TABLE entries SET TABLESPACE small", schema);

        int acknowledged = 0;
        StoreUnavailableException e = await Assert.ThrowsAsync<StoreUnavailableException>(async () =>
        {
            for (; acknowledged < 100; acknowledged++) await store.PutAsync($"k{acknowledged}", new string('1', 100_000));
        });
        Assert.Contains("No space left on device", e.Message, StringComparison.Ordinal);
        Assert.InRange(acknowledged, 1, 30);
        Assert.Equal(acknowledged, await store.CountAsync(new ListQuery { Limit = 100 }));
        Assert.Equal(100_000, (await store.GetAsync("k0")).Value!.Length);

        await disk.ResizeAsync(megabytes: 10);
        Assert.Equal(acknowledged + 1, (await store.PutAsync("after", "1")).Version);
        await server.QueryAsync("DROP TABLE entries", schema);
    }
}
