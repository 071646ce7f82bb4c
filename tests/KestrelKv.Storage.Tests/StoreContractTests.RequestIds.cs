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
        Assert.False(await Store.CommitAsync(batch, first, Utf8("id")));
        await ExecuteAsync(Put("a", "0"));
        var again = new RecordingSink();
        Assert.False(await Store.CommitAsync(batch, again, Utf8("id")));
        Assert.Equal(new(1, ResultStatus.PreconditionFailed), Assert.Single(first.Results));
        Assert.Equal(first.Results, again.Results);
        Assert.Equal(ResultStatus.NotFound, (await ExecuteOneAsync(Get("b"))).Status);
    }

    [Fact]
    public async Task CommitAsync_RequestIdOfDifferentBatch_IsRefused()
    {
        await CommitAsync("id", Put("a", "1"));
        var sink = new RecordingSink();
        Assert.False(await Store.CommitAsync(new[] { Put("a", "2") }, sink, Utf8("id")));
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
    public async Task CommitAsync_RequestIdTooLong_Throws() =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            async () => await CommitAsync(new string('x', IKeyValueStore.RequestIdBytesMax + 1), Put("a", "1")));

    private async Task<Recorded[]> CommitAsync(string requestId, params Operation[] batch)
    {
        var sink = new RecordingSink();
        Assert.True(await Store.CommitAsync(batch, sink, Utf8(requestId)));
        return [.. sink.Results];
    }
}
