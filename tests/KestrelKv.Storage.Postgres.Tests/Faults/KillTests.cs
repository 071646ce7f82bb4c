using System.Globalization;
using KestrelKv.Testing;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Tests.Faults;

/// <summary>Servers and backends that are killed while two stores write.</summary>
public sealed class KillTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    private const int Writers = 8;
    private const int Rounds = 3;

    private static readonly TimeSpan RoundTime = TimeSpan.FromMilliseconds(500);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Writes_ProcessKilledMeanwhile_TakeEffectExactlyOnce(bool killsPostmaster)
    {
        string schema = PostgresServer.NewSchema();
        await using PostgresStore store = await Calls.OpenAsync(server, schema), other = await Calls.OpenAsync(server, schema);
        using var watch = new OpenWatch(other);
        using var stop = new CancellationTokenSource();
        Task<long>[] writers = [.. Enumerable.Range(0, Writers).Select(
            i => Task.Run(() => Calls.CountAsync(i % 2 == 0 ? store : other, $"counter{i}", stop.Token)))];
        for (int round = 0; round < SoakTime.Count(Rounds, 30); round++)
        {
            await Task.Delay(RoundTime);
            long version = store.GetStats().Version;
            if (killsPostmaster)
            {
                await server.KillAsync();
                await server.RestartAsync();
            }
            else
            {
                await KillBackendAsync();
            }
            await Wait.UntilAsync(() => store.GetStats().Version > version, () => "no write succeeds after the kill");
        }
        await stop.CancelAsync();
        long[] acknowledged = await Task.WhenAll(writers);

        long last = 0;
        for (int i = 0; i < Writers; i++)
        {
            Assert.Equal($"{acknowledged[i]}", (await store.GetAsync($"counter{i}")).Value);
            last = Math.Max(last, (await store.GetAsync($"counter{i}")).Version);
        }
        Assert.Equal(acknowledged.Sum(), last);
        await watch.ReadToAsync(last);
        Assert.Equal(Enumerable.Range(1, (int)last).Select(version => (long)version), watch.Versions);
    }

    /// <summary>Kills a backend of a store with SIGKILL. The postmaster then restarts all of them.</summary>
    private Task KillBackendAsync() => Wait.UntilAsync(
        async () =>
        {
            try
            {
                object? id = await server.QueryAsync(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = 'kestrelkv' ORDER BY backend_xid IS NULL, random() LIMIT 1");
                if (id is null) return false;
                await Programs.RunAsync("kill", ["-KILL", Convert.ToString(id, CultureInfo.InvariantCulture)!]);
                return true;
            }
            catch (NpgsqlException)
            {
                // The server still recovers from the last kill.
                return false;
            }
        },
        () => "there is no backend to kill");
}
