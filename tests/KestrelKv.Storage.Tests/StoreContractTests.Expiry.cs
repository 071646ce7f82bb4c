namespace KestrelKv.Storage.Tests;

/// <summary>Expiry: entries become invisible at an instant, and are removed in separate commits.</summary>
public abstract partial class StoreContractTests
{
    [Fact]
    public async Task Get_ExpiringEntry_IsVisibleUntilExpiry()
    {
        long expiresAt = Now + 50;
        await ExecuteAsync(Put("a", "1", expiresAt: expiresAt));
        Advance(TimeSpan.FromMilliseconds(49));
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, expiresAt, "1"), await ExecuteOneAsync(Get("a")));
        Assert.Equal(["a"], (await ListAsync()).Keys);

        Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(new(0, ResultStatus.NotFound), await ExecuteOneAsync(Get("a")));
        Assert.Empty((await ListAsync()).Keys);
        Assert.Equal(new(0, ResultStatus.NotFound), Assert.Single(await CommitAsync(Get("a"))));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(Operation.ExpiresAtMax + 1)]
    [InlineData(long.MaxValue)]
    public void Operation_ExpiryOutOfRange_Throws(long expiresAt)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Put("a", "1", expiresAt: expiresAt));
        Assert.Throws<ArgumentOutOfRangeException>(() => Operation.Expire("a"u8.ToArray(), expiresAt));
    }

    [Fact]
    public async Task Get_ExpiredEntry_RemovesNothing()
    {
        await ExecuteAsync(Put("a", "1", expiresAt: Now));
        await ExecuteAsync(Get("a"));
        await CommitAsync(Get("a"));
        await ListAsync();
        AssertStats(keys: 1, bytes: 2, version: 1);
    }

    [Theory]
    [InlineData(OperationKind.Put, ResultStatus.Done, 3)]
    [InlineData(OperationKind.Delete, ResultStatus.NotFound, 2)]
    [InlineData(OperationKind.Expire, ResultStatus.NotFound, 2)]
    public async Task Write_ExpiredEntry_RemovesItFirstInSeparateCommit(OperationKind kind, ResultStatus status, long version)
    {
        foreach (bool atomic in (bool[])[false, true])
        {
            string key = atomic ? "a" : "b";
            long before = Store.GetStats().Version;
            await ExecuteAsync(Put(key, "1", expiresAt: Now));
            Operation write = kind switch
            {
                OperationKind.Put => Put(key, "2"),
                OperationKind.Delete => Delete(key),
                _ => Expire(key, Operation.Never),
            };
            Recorded result = Assert.Single(atomic ? await CommitAsync(write) : await ExecuteAsync(write));
            Assert.Equal((status, 0), (result.Status, result.PreviousVersion));
            Assert.Equal(status == ResultStatus.Done ? before + version : 0, result.Version);
            Assert.Equal(before + version, Store.GetStats().Version);
        }
    }

    [Fact]
    public async Task CommitAsync_ManyExpiredEntries_RemovesEachFirstInSeparateCommit()
    {
        await ExecuteAsync(Put("a", "1", expiresAt: Now), Put("b", "1", expiresAt: Now), Put("c", "1", expiresAt: Now));
        Recorded[] results = await CommitAsync(Put("a", "2"), Delete("b"), Get("c"), Put("d", "2"));
        Assert.Equal(
            [new(0, ResultStatus.Done, 6, 0), new(1, ResultStatus.NotFound), new(2, ResultStatus.NotFound), new(3, ResultStatus.Done, 6, 0)],
            results);
        AssertStats(keys: 3, bytes: 6, version: 6); // c is still to be removed
    }

    [Fact]
    public async Task BackgroundRemoval_ExpiredEntries_CommitsEachSeparately()
    {
        await ExecuteAsync(
            Put("a", "1", expiresAt: Now + 10), Put("b", "1", expiresAt: Now + 20), Put("c", "1", expiresAt: Now + 10_000), Put("d", "1"));
        Advance(RemovalTime);
        AssertStats(keys: 2, bytes: 4, version: 6);
        Advance(RemovalTime);
        AssertStats(keys: 2, bytes: 4, version: 6);
        Assert.Equal(new(0, ResultStatus.Done, 7, 0), await ExecuteOneAsync(Put("a", "2")));
    }

    [Fact]
    public async Task BackgroundRemoval_ExpiryChanged_UsesLastExpiry()
    {
        await ExecuteAsync(
            Put("put again", "1", expiresAt: Now + 10), Put("put again", "2"),
            Put("for ever", "1", expiresAt: Now + 10), Expire("for ever", Operation.Never),
            Put("longer", "1", expiresAt: Now + 10), Expire("longer", Now + 60_000),
            Put("shorter", "1", expiresAt: Now + 60_000), Expire("shorter", Now + 10),
            Put("gone", "1", expiresAt: Now + 10), Delete("gone"), Put("gone", "2"));
        Advance(RemovalTime);
        Assert.Equal(["for ever", "gone", "longer", "put again"], (await ListAsync()).Keys);
        Assert.Equal(12, Store.GetStats().Version);
    }

    [Fact]
    public async Task Expire_ExistingEntry_KeepsValue()
    {
        await ExecuteAsync(Put("a", "1"));
        long expiresAt = Now + 10_000;
        Assert.Equal(new(0, ResultStatus.Done, 2, 1, expiresAt), await ExecuteOneAsync(Expire("a", expiresAt)));
        Assert.Equal(new(0, ResultStatus.Done, 2, 2, expiresAt, "1"), await ExecuteOneAsync(Get("a")));
        Assert.Equal(new(0, ResultStatus.Done, 3, 2), await ExecuteOneAsync(Expire("a", Operation.Never)));
        Assert.Equal(new(0, ResultStatus.Done, 3, 3, Operation.Never, "1"), await ExecuteOneAsync(Get("a")));
    }

    [Fact]
    public async Task Expire_MissingEntry_IsNotFoundAndDoesNotCommit()
    {
        Assert.Equal(new(0, ResultStatus.NotFound), await ExecuteOneAsync(Expire("a", Now + 10)));
        AssertStats(keys: 0, bytes: 0, version: 0);
    }

    [Fact]
    public async Task Expire_InThePast_HidesEntryImmediately()
    {
        await ExecuteAsync(Put("a", "1"));
        Recorded[] results = await ExecuteAsync(Expire("a", 1), Get("a"), Put("a", "2", Precondition.Absent));
        Assert.Equal([new(0, ResultStatus.Done, 2, 1, 1), new(1, ResultStatus.NotFound), new(2, ResultStatus.Done, 4, 0)], results);
    }

    [Fact]
    public async Task Put_WithoutExpiry_ClearsOldExpiry()
    {
        await ExecuteAsync(Put("a", "1", expiresAt: Now + 10), Put("a", "2"));
        Advance(RemovalTime);
        Assert.Equal(new(0, ResultStatus.Done, 2, 2, Operation.Never, "2"), await ExecuteOneAsync(Get("a")));
    }
}
