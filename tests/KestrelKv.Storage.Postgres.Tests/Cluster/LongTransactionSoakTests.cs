using System.Diagnostics;
using System.Globalization;
using KestrelKv.Testing;
using Npgsql;
using Xunit.Abstractions;

namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>
/// Writes beside a transaction that stays open, such as that of a backup: PostgreSQL then keeps all versions of all rows. The tables grow
/// with the writes, but what a write costs must not.
/// </summary>
[Collection(SharedCluster.Name)]
public sealed class LongTransactionSoakTests(PatroniCluster cluster, ITestOutputHelper output)
{
    private const int Callers = 32;
    private const int Keys = 100;
    private const int Parts = 5;

    /// <summary>
    /// The maximum growth of the tables per write, in bytes: versions of the entry, the change, the commit row, and their indexes.
    /// </summary>
    private const long BytesPerWriteMax = 4_096;

    [SoakFact]
    public async Task Writes_BesideAnOpenTransaction_DoNotBecomeSlower()
    {
        await cluster.RepairAsync();
        (double first, double last) = await RunAsync(isOpen: true);
        await RunAsync(isOpen: false);

        // Generous: the machine is busy. The time of a scan of all versions would grow without limit.
        Assert.True(last < 10 * first, $"a write took {first:F1} ms at first, and {last:F1} ms at the end");
    }

    /// <summary>
    /// Writes for half of the duration. Returns the median time of a write in the first and in the last part, in milliseconds.
    /// </summary>
    private async Task<(double First, double Last)> RunAsync(bool isOpen)
    {
        string schema = PostgresServer.NewSchema();
        await using PostgresStore store = await cluster.OpenStoreAsync(schema), other = await cluster.OpenStoreAsync(schema);
        (ClusterNode primary, _) = await cluster.RepairAsync();
        await using var connection = new NpgsqlConnection($"{primary.ConnectionString};Pooling=false");
        await connection.OpenAsync();
        string open = isOpen ? $"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM {schema}.entries" : "SELECT 1";
        await using (var command = new NpgsqlCommand(open, connection)) await command.ExecuteNonQueryAsync();

        List<double> medians = [];
        long writes = 0;
        for (int part = 0; part < Parts; part++)
        {
            double[][] times = await Task.WhenAll(Enumerable.Range(0, Callers).Select(
                caller => Task.Run(() => WriteAsync(caller % 2 == 0 ? store : other, caller, SoakTime.Duration / (2 * Parts)))));
            double[] all = [.. times.SelectMany(each => each).Order()];
            writes += all.Length;
            medians.Add(all[all.Length / 2]);
            object?[] size = await primary.QueryAsync(
                $"""
                SELECT sum(size)::bigint, max(size) FILTER (WHERE name = 'entries'), max(size) FILTER (WHERE name = 'claims')
                FROM (SELECT relname AS name, pg_total_relation_size(oid) AS size FROM pg_class
                    WHERE relkind = 'r' AND relnamespace = '{schema}'::regnamespace) AS tables
                """);
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{(isOpen ? "beside an open transaction" : "alone")}: {writes} writes; median {all[all.Length / 2]:F1} ms, " +
                $"99% {all[all.Length * 99 / 100]:F1} ms; tables {size[0]} bytes, of them entries {size[1]}, claims {size[2]}"));
            Assert.InRange((long)size[0]!, 0, 10_000_000 + writes * BytesPerWriteMax);
        }
        return (medians[0], medians[^1]);
    }

    private static async Task<double[]> WriteAsync(PostgresStore store, int caller, TimeSpan duration)
    {
        List<double> times = [];
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < duration;)
        {
            long start = Stopwatch.GetTimestamp();
            await store.IncrementAsync(string.Create(CultureInfo.InvariantCulture, $"key{(caller + times.Count) % Keys}"));
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        return [.. times];
    }
}
