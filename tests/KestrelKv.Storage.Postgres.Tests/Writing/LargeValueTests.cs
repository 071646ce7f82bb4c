using System.Text;
using KestrelKv.Storage.Tests;
using KestrelKv.Testing;
using Npgsql;

namespace KestrelKv.Storage.Postgres.Tests.Writing;

/// <summary>Groups whose stored values are too large for one trip: 1,000 bytes in these tests.</summary>
[Collection(SharedServer.Name)]
public sealed class LargeValueTests(PostgresServer server) : IAsyncLifetime
{
    private const int GroupBytes = 1_000;
    private const int CallBytes = 4_000;

    private readonly string _schema = PostgresServer.NewSchema();
    private PostgresStore _store = null!;

    public async Task InitializeAsync() => _store = await PostgresStore.OpenAsync(
        new()
        {
            ConnectionString = server.ConnectionString, SynchronousStandby = false, Schema = _schema, GroupValueBytesMax = GroupBytes, CallValueBytesMax = CallBytes,
            ConnectTimeout = Calls.ConnectTimeout,
        },
        TimeProvider.System);

    public async Task DisposeAsync() => await _store.DisposeAsync();

    /// <summary>A later trip reads a later state. That shows how many values each trip loads.</summary>
    [Fact]
    public async Task Reads_ValuesTooLargeForOneTrip_TakeSeveral()
    {
        for (int i = 0; i < 5; i++) await _store.PutAsync($"k{i}", Text(i, 600));
        var sink = new WritingSink(() => server.QueryAsync("UPDATE entries SET value = 'new'", _schema));
        Operation[] reads = [.. Enumerable.Range(0, 5).Select(i => Operation.Get(Calls.Utf8($"k{i}")))];
        Assert.Equal(5, await _store.ExecuteAsync(reads, sink));
        Assert.Equal([(0, Text(0, 600)), (1, Text(1, 600)), (2, "new"), (3, "new"), (4, "new")], sink.Results);
    }

    [Fact]
    public async Task Reads_SinkStopsInALaterTrip_ReturnTheNumberOfAll()
    {
        for (int i = 0; i < 5; i++) await _store.PutAsync($"k{i}", Text(i, 600));
        var sink = new RecordingSink(stopAfter: 3);
        Operation[] reads = [.. Enumerable.Range(0, 5).Select(i => Operation.Get(Calls.Utf8($"k{i}")))];
        Assert.Equal(3, await _store.ExecuteAsync(reads, sink));
        Assert.Equal([0, 1, 2], sink.Results.Select(result => result.Index));
    }

    /// <summary>The sink stops with the last value that a trip has loaded.</summary>
    [Fact]
    public async Task Reads_SinkStopsAtTheEndOfATrip_Stop()
    {
        for (int i = 0; i < 5; i++) await _store.PutAsync($"k{i}", Text(i, 600));
        var sink = new RecordingSink(stopAfter: 2);
        Operation[] reads = [.. Enumerable.Range(0, 5).Select(i => Operation.Get(Calls.Utf8($"k{i}")))];
        Assert.Equal(2, await _store.ExecuteAsync(reads, sink));
        Assert.Equal([0, 1], sink.Results.Select(result => result.Index));
    }

    /// <summary>A call that reads more than fits ends early, and the caller continues with the rest.</summary>
    [Fact]
    public async Task Pipeline_ReadsBeyondTheLimitOfACallAndAWrite_EndsEarly()
    {
        for (int i = 0; i < 5; i++) await _store.PutAsync($"k{i}", Text(i, 1_200));
        Operation[] calls = [.. Enumerable.Range(0, 5).Select(i => Operation.Get(Calls.Utf8($"k{i}"))), Operation.Put(Calls.Utf8("w"), Calls.Utf8("1"))];
        var sink = new RecordingSink();
        int executed = await _store.ExecuteAsync(calls, sink);
        Assert.InRange(executed, 1, 4); // Fewer than 4, if the evaluation takes long on a busy machine.
        while (executed < calls.Length) executed += await _store.ExecuteAsync(calls.AsMemory(executed), sink);
        Assert.Equal([.. Enumerable.Range(0, 5).Select(i => Text(i, 1_200))], sink.Results.Take(5).Select(result => result.Value));
        Assert.Equal("1", (await _store.GetAsync("w")).Value);
    }

    /// <summary>Many edits of a large value do not make a group that the database cannot take.</summary>
    [Fact]
    public async Task Pipeline_EditsThatProduceMuch_EndsEarly()
    {
        await _store.PutAsync("k", $"[1,\"{Text(0, 600)}\"]");
        Operation[] edits = [.. Enumerable.Range(0, 12).Select(_ => Operation.Increment(Calls.Utf8("k"), Calls.Utf8("1")) with { Path = Calls.Utf8("/0") })];
        var sink = new RecordingSink();
        int executed = await _store.ExecuteAsync(edits, sink);
        Assert.InRange(executed, 1, 2); // One, if the evaluation takes long on a busy machine.
        Assert.Equal(executed, sink.Results.Count);
        Assert.StartsWith($"[{1 + executed},", (await _store.GetAsync("k")).Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Edits_ValuesTooLargeForOneTrip_AreCommittedInSeveral()
    {
        for (int i = 0; i < 3; i++) await _store.PutAsync($"k{i}", $"[\"{Text(i, 1_200)}\"]");
        Task<Recorded>[] edits;
        await using (NpgsqlConnection holder = await server.LockAsync(_schema))
        {
            // The calls after the first one form a group.
            Task<Recorded> first = _store.PutAsync("first", "1");
            await Wait.UntilAsync(
                async () => await server.QueryAsync("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'advisory'") is true,
                () => "no trip waits for the lock");
            edits = [.. Enumerable.Range(0, 3).Select(i => _store.ExecuteAsync(
                Operation.JsonPatch(Calls.Utf8($"k{i}"), Calls.Utf8("[{\"op\":\"add\",\"path\":\"/-\",\"value\":1}]"))))];
            await holder.CloseAsync();
            await first;
        }
        Recorded[] results = await Task.WhenAll(edits);
        Assert.Equal([5L, 6L, 7L], results.Select(result => result.Version).Order());
        for (int i = 0; i < 3; i++) Assert.EndsWith(",1]", (await _store.GetAsync($"k{i}")).Value, StringComparison.Ordinal);
        Assert.Equal(3 + 1 + 3L, await server.QueryAsync("SELECT count(*) FROM commits", _schema));
    }

    [Fact]
    public async Task Batch_ValuesWithinTheLimitOfACall_IsExecutedWhole()
    {
        for (int i = 0; i < 3; i++) await _store.PutAsync($"k{i}", Text(i, 1_200));
        var sink = new RecordingSink();
        Operation[] batch = [.. Enumerable.Range(0, 3).Select(i => Operation.Get(Calls.Utf8($"k{i}")))];
        Assert.True(await _store.CommitAsync(batch, sink));
        Assert.Equal([Text(0, 1_200), Text(1, 1_200), Text(2, 1_200)], sink.Results.Select(result => result.Value));
    }

    [Fact]
    public async Task Batch_ValuesBeyondTheLimitOfACall_FailsAlone()
    {
        for (int i = 0; i < 5; i++) await _store.PutAsync($"k{i}", Text(i, 1_200));
        Operation[] batch = [.. Enumerable.Range(0, 5).Select(i => Operation.Get(Calls.Utf8($"k{i}")))];
        var sink = new RecordingSink();
        Assert.False(await _store.CommitAsync(batch, sink));
        Assert.Equal(ResultStatus.ValueTooLong, Assert.Single(sink.Results).Status);
        Assert.Equal(Text(4, 1_200), (await _store.GetAsync("k4")).Value);
    }

    private static string Text(int i, int length) => new((char)('a' + i), length);

    /// <summary>Records results, and writes to the database before it returns from the first one.</summary>
    private sealed class WritingSink(Func<Task> write) : IResultSink
    {
        public List<(int Index, string Value)> Results { get; } = [];

        public bool OnResult(int index, in OperationResult result)
        {
            Results.Add((index, Encoding.UTF8.GetString(result.Value)));
            if (index == 0) Task.Run(write).GetAwaiter().GetResult();
            return true;
        }
    }
}
