using System.Buffers.Binary;
using System.Diagnostics;
using KestrelKv.Storage;
using KestrelKv.Storage.Postgres;

namespace KestrelKv.Benchmarks.Postgres;

/// <summary>Compares the store on PostgreSQL with plain statements and with pgbench on the same server.</summary>
internal sealed class PostgresBenchmark : IAsyncDisposable
{
    private const int PutRows = 1_000;
    private const int GetKeys = 256;

    private readonly PostgresOptions _options;
    private readonly PlainTable _plain;
    private readonly PostgresStore _store;
    private readonly Pgbench _pgbench;
    private readonly byte[] _value;

    private PostgresBenchmark(PostgresOptions options, PlainTable plain, PostgresStore store)
    {
        (_options, _plain, _store, _pgbench) = (options, plain, store, new(options));
        _value = new byte[options.ValueBytes];
        _value.AsSpan().Fill((byte)'1');
    }

    public static async Task RunAsync(PostgresOptions options)
    {
        PlainTable plain = await PlainTable.CreateAsync(options.Connection);
        var store = new PostgresStore(
            new() { ConnectionString = options.Connection, Schema = "kestrelkv_bench", SynchronousStandby = false }, TimeProvider.System);
        await store.OpenAsync();
        await using var benchmark = new PostgresBenchmark(options, plain, store);
        await benchmark.FillAsync();
        await benchmark.MeasureAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _plain.DisposeAsync();
    }

    private async Task FillAsync()
    {
        for (int first = 0; first < _options.Keys; first += PutRows)
        {
            byte[][] keys = [.. Enumerable.Range(first, PutRows).Select(KeyOf)];
            await _plain.PutAsync(keys, [.. keys.Select(_ => _value)]);
            await _store.ExecuteAsync(Puts(keys), new Sink());
        }
        await _plain.VacuumAsync();
    }

    private async Task MeasureAsync()
    {
        var results = Enumerable.Range(0, 9).Select(_ => new List<double>()).ToArray();
        for (int i = 0; i < _options.Repetitions; i++)
        {
            results[0].Add(PutRows * await RateAsync(1, async () =>
            {
                byte[][] keys = RandomKeys(PutRows);
                await _plain.PutAsync(keys, [.. keys.Select(_ => _value)]);
            }));
            results[1].Add(PutRows * await RateAsync(2, async () => await _store.ExecuteAsync(Puts(RandomKeys(PutRows)), new Sink())));
            results[2].Add(await _pgbench.RunAsync(16));
            results[3].Add(await _pgbench.RunAsync(1));
            results[4].Add(await RateAsync(1, async () => await _store.ExecuteAsync(Puts(RandomKeys(1)), new Sink())));
            results[5].Add(await RateAsync(1, async () => await _store.ExecuteAsync(Gets(RandomKeys(1)), new Sink())));
            results[6].Add(GetKeys * await RateAsync(1, async () => await _plain.GetAsync(RandomKeys(GetKeys))));
            results[7].Add(GetKeys * await RateAsync(1, async () => await _store.ExecuteAsync(Gets(RandomKeys(GetKeys)), new Sink())));
            results[8].Add(GetKeys * await RateAsync(4, async () => await _store.ExecuteAsync(Gets(RandomKeys(GetKeys)), new Sink())));
        }
        double[] medians = [.. results.Select(rates => rates.Median(rate => rate))];
        var table = new Table("measurement", "store", "compared with", "store / other");
        Add("1,000 puts a call, 2 calls at once, rows/s", 1, "plain upsert of 1,000 rows by `unnest`, rows/s", 0);
        Add("the same", 1, "`pgbench -c16`, upserts of one row, rows/s", 2);
        AddLatency("a lone put, ms", 4);
        AddLatency("a lone fenced get, ms", 5);
        Add("256 fenced gets a call, keys/s", 7, "plain `= ANY` with 256 keys, keys/s", 6);
        Add("the same, 4 calls at once", 8, "plain `= ANY` with 256 keys, keys/s", 6);
        Console.WriteLine(table);

        void Add(string name, int ours, string other, int theirs) => table.Add(
            name, $"{medians[ours]:N0}", $"{other}: {medians[theirs]:N0}", $"{medians[ours] / medians[theirs]:F2}");
        void AddLatency(string name, int ours) => table.Add(
            name, $"{1_000 / medians[ours]:F2}", $"`pgbench -c1`, an upsert of one row, ms: {1_000 / medians[3]:F2}", $"{medians[3] / medians[ours]:F2}");
    }

    /// <summary>Returns the calls per second of some callers.</summary>
    private async Task<double> RateAsync(int callers, Func<Task> call)
    {
        await call();
        long start = Stopwatch.GetTimestamp();
        int[] counts = await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            int count = 0;
            for (; Stopwatch.GetElapsedTime(start).TotalSeconds < _options.Seconds; count++) await call();
            return count;
        })));
        return counts.Sum() / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private byte[][] RandomKeys(int count)
    {
        HashSet<int> keys = [];
        while (keys.Count < count) keys.Add(Random.Shared.Next(_options.Keys));
        return [.. keys.Select(KeyOf)];
    }

    private Operation[] Puts(byte[][] keys) => [.. keys.Select(key => Operation.Put(key, _value))];

    private static Operation[] Gets(byte[][] keys) => [.. keys.Select(key => Operation.Get(key))];

    private static byte[] KeyOf(int number)
    {
        byte[] key = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(key, number);
        return key;
    }

    private sealed class Sink : IResultSink
    {
        public bool OnResult(int index, in OperationResult result) =>
            result.Status == ResultStatus.Done ? true : throw new InvalidOperationException($"{result.Status}");
    }
}
