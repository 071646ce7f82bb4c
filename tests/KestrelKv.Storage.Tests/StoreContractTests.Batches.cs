namespace KestrelKv.Storage.Tests;

/// <summary>Atomic batches: all operations or none, and one version.</summary>
public abstract partial class StoreContractTests
{
    [Fact]
    public async Task CommitAsync_ManyWrites_ShareOneVersionAndSeeEachOther()
    {
        await ExecuteAsync(Put("a", "0"), Put("gone", "0"));
        Recorded[] results = await CommitAsync(
            Get("a"), Put("a", "1"), Get("a"), Put("b", "1"), Delete("gone"), Get("gone"), Put("a", "2"), Expire("b", Now + 5_000),
            Get("b"));
        Assert.Equal(
            [
                new(0, ResultStatus.Done, 1, 1, Value: "0"),
                new(1, ResultStatus.Done, 3, 1),
                new(2, ResultStatus.Done, 3, 3, Value: "1"),
                new(3, ResultStatus.Done, 3, 0),
                new(4, ResultStatus.Done, 3, 2),
                new(5, ResultStatus.NotFound),
                new(6, ResultStatus.Done, 3, 3),
                new(7, ResultStatus.Done, 3, 3, Now + 5_000),
                new(8, ResultStatus.Done, 3, 3, Now + 5_000, "1"),
            ],
            results);
        AssertStats(keys: 2, bytes: 4, version: 3);
    }

    [Fact]
    public async Task CommitAsync_FailingPrecondition_ChangesNothingAndReportsIndex()
    {
        await ExecuteAsync(Put("a", "0"), Put("b", "0"));
        Operation[] writes = [Put("a", "1"), Delete("b"), Put("c", "1"), Expire("a", 1)];
        for (int at = 0; at <= writes.Length; at++)
        {
            Operation[] batch = [.. writes[..at], Get("other", Precondition.Present), .. writes[at..]];
            Assert.Equal(new(at, ResultStatus.PreconditionFailed), await CommitRefusedAsync(batch));
            AssertStats(keys: 2, bytes: 4, version: 2);
            Assert.Equal(["0", "0", ""], (await ExecuteAsync(Get("a"), Get("b"), Get("c"))).Select(result => result.Value));
        }
    }

    [Fact]
    public async Task CommitAsync_ManyFailingPreconditions_ReportsFirst()
    {
        await ExecuteAsync(Put("a", "0"));
        Assert.Equal(
            new(1, ResultStatus.PreconditionFailed, 1, 1),
            await CommitRefusedAsync(Put("b", "1"), Put("a", "1", Precondition.Version(9)), Get("c", Precondition.Present)));
    }

    [Fact]
    public async Task CommitAsync_Preconditions_SeeEarlierOperations()
    {
        await ExecuteAsync(Put("old", "0"));
        await CommitAsync(
            Put("a", "1", Precondition.Absent), Put("a", "2", Precondition.Present), Get("a", Precondition.Version(2)),
            Delete("a", Precondition.Version(2)), Get("a", Precondition.Absent), Put("a", "3", Precondition.Version(0)),
            Delete("old", Precondition.Version(1)), Put("old", "1", Precondition.Absent),
            Expire("old", 1, Precondition.Present), Get("old", Precondition.Absent),
            Put("dead", "1", expiresAt: 1), Get("dead", Precondition.Absent), Expire("dead", Operation.Never),
            Get("dead", Precondition.Absent));
        Assert.Equal(2, Store.GetStats().Version);
        Assert.Equal("3", (await ExecuteOneAsync(Get("a"))).Value);
    }

    [Fact]
    public async Task CommitAsync_PreconditionBrokenByEarlierOperation_IsRefused()
    {
        await ExecuteAsync(Put("a", "0"));
        Assert.Equal(1, (await CommitRefusedAsync(Put("a", "1"), Put("a", "2", Precondition.Version(1)))).Index);
        Assert.Equal(1, (await CommitRefusedAsync(Put("b", "1"), Put("b", "2", Precondition.Absent))).Index);

        // The reported version is that of the existing entry.
        Assert.Equal(
            new(1, ResultStatus.PreconditionFailed, 1, 1), await CommitRefusedAsync(Delete("a"), Delete("a", Precondition.Present)));
        Assert.Equal(
            new(1, ResultStatus.PreconditionFailed, 1, 1), await CommitRefusedAsync(Expire("a", 1), Get("a", Precondition.Version(1))));
        Assert.Equal(new(1, ResultStatus.PreconditionFailed), await CommitRefusedAsync(Put("b", "1"), Put("b", "2", Precondition.Absent)));
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, Value: "0"), await ExecuteOneAsync(Get("a")));
        AssertStats(keys: 1, bytes: 2, version: 1);
    }

    [Fact]
    public async Task CommitAsync_NoChanges_DoesNotCommit()
    {
        await ExecuteAsync(Put("a", "0"));
        Assert.Empty(await CommitAsync());
        await CommitAsync(Get("a"), Delete("b"), Expire("b", Now + 1));
        AssertStats(keys: 1, bytes: 2, version: 1);
    }

    [Fact]
    public async Task CommitAsync_SinkReturnsFalse_ReceivesAllResults()
    {
        var sink = new RecordingSink(stopAfter: 1);
        Assert.True(await Store.CommitAsync(new[] { Put("a", "1"), Put("b", "1"), Get("a") }, sink));
        Assert.Equal([0, 1, 2], sink.Results.Select(result => result.Index));
        AssertStats(keys: 2, bytes: 4, version: 1);
    }
}
