namespace KestrelKv.Storage.Tests;

/// <summary>Batches that are repeated with the same request id.</summary>
public abstract partial class StoreContractTests
{
    private static readonly TimeSpan RequestIdWindow = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task CommitAsync_RepeatedRequestId_ReturnsRecordedResults()
    {
        await ExecuteAsync(Put("a", "1"));
        Operation[] batch =
        [
            Operation.Increment(Utf8("a"), Utf8("1")) with { ReturnsOld = true }, Get("a"), Delete("absent"),
            Put("b", "2", expiresAt: Now + 1_000),
        ];
        Recorded[] first = await CommitAsync("id", batch);
        await ExecuteAsync(Put("a", "100"), Delete("b"), Put("absent", "1"));
        long version = Store.GetStats().Version;

        Assert.Equal(first, await CommitAsync("id", batch));
        Assert.Equal(new(0, ResultStatus.Done, 2, 1, Value: "2", OldValue: "1"), first[0]);
        Assert.Equal(new(2, ResultStatus.NotFound), first[2]);
        Assert.Equal(version, Store.GetStats().Version);
        Assert.Equal("100", (await ExecuteOneAsync(Get("a"))).Value);
    }

    [Fact]
    public async Task CommitAsync_RepeatedRequestIdOfRefusal_ReturnsRecordedRefusal()
    {
        Operation[] batch = [Put("b", "1"), Put("a", "1", Precondition.Present)];
        var first = new RecordingSink();
        Assert.False(await Store.CommitAsync(batch, first, Id("id")));
        await ExecuteAsync(Put("a", "0"));
        var again = new RecordingSink();
        Assert.False(await Store.CommitAsync(batch, again, Id("id")));
        Assert.Equal(new(1, ResultStatus.PreconditionFailed), Assert.Single(first.Results));
        Assert.Equal(first.Results, again.Results);
        Assert.Equal(ResultStatus.NotFound, (await ExecuteOneAsync(Get("b"))).Status);
    }

    [Fact]
    public async Task CommitAsync_RequestIdOfDifferentBatch_IsRefused()
    {
        await CommitAsync("id", Put("a", "1"));
        var sink = new RecordingSink();
        Assert.False(await Store.CommitAsync(new[] { Put("a", "2") }, sink, Id("id")));
        Assert.Equal(new(0, ResultStatus.RequestIdReused), Assert.Single(sink.Results));
        Assert.Equal("1", (await ExecuteOneAsync(Get("a"))).Value);
    }

    [Fact]
    public async Task CommitAsync_RepeatedRequestIdWithDifferentExpiry_ReturnsRecordedResults()
    {
        Recorded[] first = await CommitAsync("id", Put("a", "1", expiresAt: Now + 1_000));
        Assert.Equal(first, await CommitAsync("id", Put("a", "1", expiresAt: Now + 1_500)));
    }

    [Fact]
    public async Task CommitAsync_RequestIdAfterWindow_IsExecutedAgain()
    {
        Operation increment = Operation.Increment(Utf8("a"), Utf8("1"));
        await CommitAsync("id", increment);
        Advance(RequestIdWindow - TimeSpan.FromMilliseconds(1));
        Assert.Equal("1", Assert.Single(await CommitAsync("id", increment)).Value);
        Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("2", Assert.Single(await CommitAsync("id", increment)).Value);
    }

    [Fact]
    public async Task RequestIds_Records_AreNotCountedAsKeys()
    {
        await CommitAsync("id", Put("a", "1"));
        Assert.Equal(1, Store.GetStats().RequestIds);
        AssertStats(keys: 1, bytes: 2, version: 1);
        Assert.Equal(["a"], (await ListAsync()).Keys);
        Assert.Equal(1, await Store.CountAsync(new ListQuery { Limit = 10, Descending = true }));

        Advance(RequestIdWindow + RemovalTime);
        Assert.Equal(0, Store.GetStats().RequestIds);
    }

    [Fact]
    public void RequestId_TooLong_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Id(new string('x', RequestId.BytesMax + 1)));

    [Fact]
    public async Task ExecuteAsync_RepeatedRequestIds_ReturnsRecordedResults()
    {
        await ExecuteAsync(Put("a", "1"), Put("old", "7"));
        Operation[] operations =
        [
            Operation.Increment(Utf8("a"), Utf8("1")) with { RequestId = Id("1") },
            Get("a"),
            Put("a", "9", Precondition.Absent) with { RequestId = Id("2") },
            Delete("absent") with { RequestId = Id("3") },
            Delete("old") with { RequestId = Id("4"), ReturnsOld = true },
            Expire("a", Now + 1_000) with { RequestId = Id("5") },
            Operation.PutAt(Utf8("a"), Utf8("/none"), Utf8("1")) with { RequestId = Id("6") },
            Put("a", "2") with { RequestId = Id("1") },
        ];
        Recorded[] first = await ExecuteAsync(operations);
        Assert.Equal(
            [
                new(0, ResultStatus.Done, 3, 1, Value: "2"), new(1, ResultStatus.Done, 3, 3, Value: "2"),
                new(2, ResultStatus.PreconditionFailed, 3, 3), new(3, ResultStatus.NotFound),
                new(4, ResultStatus.Done, 6, 2, OldValue: "7"), new(5, ResultStatus.Done, 7, 3, Now + 1_000),
                new(6, ResultStatus.PathNotFound, 7, 7), new(7, ResultStatus.RequestIdReused),
            ],
            first);
        await ExecuteAsync(Put("a", "100"), Put("absent", "1"), Put("old", "1"));
        long version = Store.GetStats().Version;

        operations[1] = Put("b", "1");
        Recorded[] again = await ExecuteAsync(operations);
        Assert.Equal(first.Where(result => result.Index != 1), again.Where(result => result.Index != 1));
        Assert.Equal((version + 1, 6), (Store.GetStats().Version, Store.GetStats().RequestIds));
        Assert.Equal("100", (await ExecuteOneAsync(Get("a"))).Value);
    }

    /// <summary>A write with an id is a batch of one operation, so both calls have the same records.</summary>
    [Fact]
    public async Task ExecuteAsync_RequestIdOfBatch_ReturnsResultsOfBatch()
    {
        Operation increment = Operation.Increment(Utf8("a"), Utf8("1"));
        Recorded[] first = await CommitAsync("id", increment);
        Assert.Equal(first, await ExecuteAsync(increment with { RequestId = Id("id") }));
        Recorded second = await ExecuteOneAsync(increment with { RequestId = Id("other") });
        Assert.Equal(second, Assert.Single(await CommitAsync("other", increment)));
    }

    [Fact]
    public async Task ExecuteAsync_RequestIdOfRead_IsIgnored()
    {
        await ExecuteAsync(Get("a") with { RequestId = Id("id") }, Put("a", "1"));
        Assert.Equal("1", (await ExecuteOneAsync(Get("a") with { RequestId = Id("id") })).Value);
        Assert.Equal(0, Store.GetStats().RequestIds);
    }

    [Fact]
    public async Task ExecuteAsync_SinkStopsAtRequestId_StopsAfterIt()
    {
        Operation[] operations = [Put("a", "1"), Put("b", "1") with { RequestId = Id("id") }, Put("c", "1")];
        var sink = new RecordingSink(stopAfter: 2);
        Assert.Equal(2, await Store.ExecuteAsync(operations, sink));
        sink = new RecordingSink(stopAfter: 1);
        Assert.Equal(1, await Store.ExecuteAsync(operations.AsMemory(1), sink));
        Assert.Equal(new(0, ResultStatus.Done, 2, 0), Assert.Single(sink.Results));
        Assert.Equal(["a", "b"], (await ListAsync()).Keys);
    }

    /// <summary>Stores may execute long edits, and searches in long values, in another way.</summary>
    [Fact]
    public async Task ExecuteAsync_RequestIdOfLongEdit_IsExecutedOnce()
    {
        await ExecuteAsync(Put("long", $$"""{"filler":"{{new string('x', 2 << 20)}}","n":0}"""));
        Operation increment = Operation.Increment(Utf8("long"), Utf8("1")) with { Path = Utf8("/n") };
        Operation[] operations = [Put("a", "1"), increment with { RequestId = Id("id") }, increment with { RequestId = Id("id") }, increment];
        Recorded[] results = await ExecuteAsync(operations);
        Assert.Equal(["", "1", "1", "2"], results.Select(result => result.Value));
        var stopped = new RecordingSink(stopAfter: 2);
        Assert.Equal(2, await Store.ExecuteAsync(operations, stopped));
        Assert.Equal(results[1], stopped.Results[1]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Sequence_HigherEqualLower_ExecutesRepeatsRefuses(bool asBatch)
    {
        Operation increment = Operation.Increment(Utf8("a"), Utf8("1"));
        Recorded first = await CallAsync(increment, 1);
        Assert.Equal(("1", 1L), (first.Value, first.Version));
        Assert.Equal(first, await CallAsync(increment, 1));

        // The record is replaced, even by a higher sequence than the next.
        Recorded second = await CallAsync(increment, 7);
        Assert.Equal(("2", 2L), (second.Value, second.Version));
        Assert.Equal(second, await CallAsync(increment, 7));
        Assert.Equal(ResultStatus.RequestIdReused, (await CallAsync(increment, 1)).Status);
        Assert.Equal(ResultStatus.RequestIdReused, (await CallAsync(increment, 6)).Status);
        Assert.Equal(ResultStatus.RequestIdReused, (await CallAsync(increment, 0)).Status);
        Assert.Equal(ResultStatus.RequestIdReused, (await CallAsync(Put("a", "9"), 7)).Status);
        Assert.Equal(second, await CallAsync(increment, 7));
        Assert.Equal((2, 1), (Store.GetStats().Version, Store.GetStats().RequestIds));

        // A refusal also replaces the record.
        Recorded refused = await CallAsync(Put("a", "9", Precondition.Absent), 8);
        Assert.Equal(ResultStatus.PreconditionFailed, refused.Status);
        Assert.Equal(ResultStatus.RequestIdReused, (await CallAsync(increment, 7)).Status);
        await ExecuteAsync(Delete("a"));
        Assert.Equal(refused, await CallAsync(Put("a", "9", Precondition.Absent), 8));

        async Task<Recorded> CallAsync(Operation operation, long sequence)
        {
            RequestId id = new(Utf8("slot"), sequence);
            if (!asBatch) return await ExecuteOneAsync(operation with { RequestId = id });
            var sink = new RecordingSink();
            await Store.CommitAsync(new[] { operation }, sink, id);
            return Assert.Single(sink.Results);
        }
    }

    [Fact]
    public async Task Sequence_IdWithoutSequence_IsLower()
    {
        Operation increment = Operation.Increment(Utf8("a"), Utf8("1"));
        await ExecuteAsync(increment with { RequestId = Id("id") });
        Operation next = increment with { RequestId = new(Utf8("id"), 1) };
        Recorded second = await ExecuteOneAsync(next);
        Assert.Equal("2", second.Value);
        Assert.Equal(second, await ExecuteOneAsync(next));
        Assert.Equal(ResultStatus.RequestIdReused, (await ExecuteOneAsync(increment with { RequestId = Id("id") })).Status);
    }

    [Fact]
    public async Task Sequence_AfterWindow_IsExecuted()
    {
        Operation increment = Operation.Increment(Utf8("a"), Utf8("1"));
        await ExecuteAsync(increment with { RequestId = new(Utf8("id"), 5) });
        Advance(RequestIdWindow - TimeSpan.FromMilliseconds(1));

        // The window begins again with each request.
        await ExecuteAsync(increment with { RequestId = new(Utf8("id"), 6) });
        Advance(RequestIdWindow - TimeSpan.FromMilliseconds(1));
        Assert.Equal(ResultStatus.RequestIdReused, (await ExecuteOneAsync(increment with { RequestId = new(Utf8("id"), 5) })).Status);
        Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("3", (await ExecuteOneAsync(increment with { RequestId = new(Utf8("id"), 5) })).Value);
    }

    private static RequestId Id(string id) => new(Utf8(id));

    private async Task<Recorded[]> CommitAsync(string requestId, params Operation[] batch)
    {
        var sink = new RecordingSink();
        Assert.True(await Store.CommitAsync(batch, sink, Id(requestId)));
        return [.. sink.Results];
    }
}
