namespace KestrelKv.Storage.Tests;

/// <summary>Reads that extend the expiry of their entry. They are no commits.</summary>
public abstract partial class StoreContractTests
{
    [Fact]
    public async Task Touch_LaterThanTheExpiry_ExtendsItWithoutACommit()
    {
        await ExecuteAsync(Put("a", "{\"n\":1}", expiresAt: Now + 50));
        long later = Now + 10_000;
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, later, "{\"n\":1}"), await ExecuteOneAsync(Touch("a", later)));
        Advance(RemovalTime);
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, later, "1"), await ExecuteOneAsync(Get("a") with { Path = Utf8("/n") }));
        AssertStats(keys: 1, bytes: 8, version: 1);

        Advance(TimeSpan.FromMilliseconds(later - Now - 1));
        Assert.Equal(["a"], (await ListAsync()).Keys);
        Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(new(0, ResultStatus.NotFound), await ExecuteOneAsync(Touch("a", Now + 10_000)));
        Advance(RemovalTime);
        AssertStats(keys: 0, bytes: 0, version: 2);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5_000)]
    public async Task Touch_NotLaterThanTheExpiry_ChangesNothing(int milliseconds)
    {
        long expiresAt = Now + 5_000;
        await ExecuteAsync(Put("a", "1", expiresAt: expiresAt));
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, expiresAt, "1"), await ExecuteOneAsync(Touch("a", Now + milliseconds)));
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, expiresAt, "1"), Assert.Single(await CommitAsync(Touch("a", Now + milliseconds))));
    }

    [Fact]
    public async Task Touch_EntryWithoutExpiry_GivesItNone()
    {
        await ExecuteAsync(Put("a", "1"));
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, Operation.Never, "1"), await ExecuteOneAsync(Touch("a", Now + 10)));
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, Operation.Never, "1"), Assert.Single(await CommitAsync(Touch("a", Now + 10))));
        Advance(RemovalTime);
        Assert.Equal(["a"], (await ListAsync()).Keys);
    }

    [Fact]
    public async Task Touch_MissingOrExpiredEntry_IsNotFound()
    {
        await ExecuteAsync(Put("a", "1", expiresAt: Now));
        Recorded[] expected = [new(0, ResultStatus.NotFound), new(1, ResultStatus.NotFound)];
        Assert.Equal(expected, await ExecuteAsync(Touch("a", Now + 10_000), Touch("b", Now + 10_000)));
        Assert.Equal(expected, await CommitAsync(Touch("a", Now + 10_000), Touch("b", Now + 10_000)));
        AssertStats(keys: 1, bytes: 2, version: 1);
        Advance(RemovalTime);
        AssertStats(keys: 0, bytes: 0, version: 2);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(Operation.ExpiresAtMax + 1)]
    public void Touch_ExpiryOutOfRange_Throws(long expiresAt) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Operation.Touch("a"u8.ToArray(), expiresAt));

    [Fact]
    public async Task Touch_FailedPrecondition_ChangesNothing()
    {
        long expiresAt = Now + 5_000;
        await ExecuteAsync(Put("a", "1", expiresAt: expiresAt));
        Assert.Equal(ResultStatus.PreconditionFailed, (await ExecuteOneAsync(Touch("a", Now + 9_000, Precondition.Absent))).Status);
        await CommitRefusedAsync(Touch("a", Now + 9_000), Put("b", "1", Precondition.Present));
        Assert.Equal(expiresAt, (await ExecuteOneAsync(Get("a"))).ExpiresAt);
    }

    [Fact]
    public async Task Touch_ThenWritesThatKeepTheExpiry_CommitTheExtendedExpiry()
    {
        await ExecuteAsync(Put("a", "{\"n\":1}", expiresAt: Now + 50));
        long later = Now + 10_000, latest = Now + 20_000;
        Operation increment = Operation.Increment(Utf8("a"), Utf8("1")) with { Path = Utf8("/n") };
        Recorded[] results = await ExecuteAsync(Touch("a", later), increment);
        Assert.Equal(new(1, ResultStatus.Done, 2, 1, later, "2"), results[1]);

        // In one batch, between writes of the same key.
        results = await CommitAsync(increment, Touch("a", latest), increment, Touch("a", later));
        Assert.Equal([later, latest, latest, latest], results.Select(result => result.ExpiresAt));
        Assert.Equal(new(0, ResultStatus.Done, 3, 3, latest, "{\"n\":4}"), await ExecuteOneAsync(Get("a")));
    }

    [Fact]
    public async Task Touch_InABatchThatWritesOtherKeys_ExtendsWithoutAChangeOfTheKey()
    {
        await ExecuteAsync(Put("a", "1", expiresAt: Now + 50));
        long later = Now + 10_000;
        Assert.Equal(
            [new(0, ResultStatus.Done, 1, 1, later, "1"), new(1, ResultStatus.Done, 2, 0)], await CommitAsync(Touch("a", later), Put("b", "1")));
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, later, "1"), await ExecuteOneAsync(Get("a")));
    }

    [Fact]
    public async Task Touch_InABatchWithARequestId_IsNotRepeatedByTheRetry()
    {
        await ExecuteAsync(Put("a", "1", expiresAt: Now + 50));
        long later = Now + 10_000;
        foreach (long touch in (long[])[later, later + 5_000])
        {
            var sink = new RecordingSink();
            Assert.True(await Store.CommitAsync(new[] { Touch("a", touch), Put("b", "1") }, sink, new RequestId(Utf8("id"))));
            Assert.Equal(later, sink.Results[0].ExpiresAt);
        }
        Assert.Equal(later, (await ExecuteOneAsync(Get("a"))).ExpiresAt);
    }

    [Fact]
    public async Task Touch_PutWithoutExpiryAfterwards_ClearsIt()
    {
        await ExecuteAsync(Put("a", "1", expiresAt: Now + 50), Touch("a", Now + 100), Put("a", "2"));
        Advance(RemovalTime);
        Assert.Equal(new(0, ResultStatus.Done, 2, 2, Operation.Never, "2"), await ExecuteOneAsync(Get("a")));
    }
}
