namespace KestrelKv.Storage.Tests;

/// <summary>Single operations: results, versions, statistics, memory ownership.</summary>
public abstract partial class StoreContractTests
{
    [Fact]
    public void GetStats_EmptyStore_IsAllZero() => AssertStats(keys: 0, bytes: 0, version: 0);

    [Fact]
    public async Task Get_MissingEntry_IsNotFound() =>
        Assert.Equal(new(0, ResultStatus.NotFound), await ExecuteOneAsync(Get("a")));

    [Fact]
    public async Task Put_NewAndExisting_ReturnsBothVersions()
    {
        Assert.Equal(new(0, ResultStatus.Done, 1, 0), await ExecuteOneAsync(Put("a", "1")));
        Assert.Equal(new(0, ResultStatus.Done, 2, 0), await ExecuteOneAsync(Put("b", "2")));
        Assert.Equal(new(0, ResultStatus.Done, 3, 1), await ExecuteOneAsync(Put("a", "3")));
        Assert.Equal(new(0, ResultStatus.Done, 3, 3, Value: "3"), await ExecuteOneAsync(Get("a")));
        Assert.Equal(new(0, ResultStatus.Done, 2, 2, Value: "2"), await ExecuteOneAsync(Get("b")));
    }

    [Fact]
    public async Task Put_SameValueAgain_Commits()
    {
        await ExecuteAsync(Put("a", "1"), Put("a", "1"));
        AssertStats(keys: 1, bytes: 2, version: 2);
    }

    [Fact]
    public async Task Delete_ExistingEntry_ReturnsVersionsAndRemovesIt()
    {
        await ExecuteAsync(Put("a", "1"), Put("b", "1"));
        Assert.Equal(new(0, ResultStatus.Done, 3, 1), await ExecuteOneAsync(Delete("a")));
        Assert.Equal(new(0, ResultStatus.NotFound), await ExecuteOneAsync(Get("a")));
        Assert.Equal(["b"], (await ListAsync()).Keys);
    }

    [Fact]
    public async Task Delete_MissingEntry_IsNotFoundAndDoesNotCommit()
    {
        Assert.Equal(new(0, ResultStatus.NotFound), await ExecuteOneAsync(Delete("a")));
        AssertStats(keys: 0, bytes: 0, version: 0);
    }

    [Fact]
    public async Task ExecuteAsync_ManyOperations_EachSeesEarlierOnes() => Assert.Equal(
        [
            new(0, ResultStatus.NotFound),
            new(1, ResultStatus.Done, 1, 0),
            new(2, ResultStatus.Done, 1, 1, Value: "1"),
            new(3, ResultStatus.Done, 2, 1),
            new(4, ResultStatus.Done, 3, 2),
            new(5, ResultStatus.NotFound),
            new(6, ResultStatus.Done, 4, 0),
        ],
        await ExecuteAsync(Get("a"), Put("a", "1"), Get("a"), Put("a", "2"), Delete("a"), Get("a"), Put("a", "3")));

    [Fact]
    public async Task ExecuteAsync_NoOperations_DoesNothing()
    {
        Assert.Empty(await ExecuteAsync());
        AssertStats(keys: 0, bytes: 0, version: 0);
    }

    [Fact]
    public async Task ExecuteAsync_SinkStops_SkipsRemainingOperations()
    {
        Operation[] operations = [Put("a", "1"), Get("a"), Delete("x"), Put("b", "2", Precondition.Present), Put("c", "3"), Delete("a")];
        int[] versionAfter = [1, 1, 1, 1, 2, 3];
        long version = 0;
        for (int stopAfter = 1; stopAfter <= operations.Length; stopAfter++)
        {
            var sink = new RecordingSink(stopAfter);
            Assert.Equal(stopAfter, await Store.ExecuteAsync(operations, sink));
            Assert.Equal(Enumerable.Range(0, stopAfter), sink.Results.Select(result => result.Index));
            version += versionAfter[stopAfter - 1];
            Assert.Equal(version, Store.GetStats().Version);
        }
    }

    [Fact]
    public async Task GetStats_AfterEachChange_CountsKeysAndBytesExactly()
    {
        await ExecuteAsync(Put("key", "12345"));
        AssertStats(keys: 1, bytes: 8, version: 1);
        await ExecuteAsync(Put("é", ""));
        AssertStats(keys: 2, bytes: 10, version: 2);
        await ExecuteAsync(Put("key", "1"));
        AssertStats(keys: 2, bytes: 6, version: 3);
        await ExecuteAsync(Expire("key", Now + 1_000));
        AssertStats(keys: 2, bytes: 6, version: 4);
        await ExecuteAsync(Put("key", "123", Precondition.Absent), Delete("nothing"), Get("key"));
        AssertStats(keys: 2, bytes: 6, version: 4);
        await ExecuteAsync(Delete("é"), Delete("key"));
        AssertStats(keys: 0, bytes: 0, version: 6);
    }

    [Fact]
    public async Task Put_LargeValue_IsReadBackIntact()
    {
        string value = new('v', 5_000_000);
        await ExecuteAsync(Put("a", value));
        Assert.Equal(value, (await ExecuteOneAsync(Get("a"))).Value);
        AssertStats(keys: 1, bytes: 5_000_001, version: 1);
    }

    [Fact]
    public async Task Put_CallerReusesMemory_StoredValueIsUnchanged()
    {
        foreach (bool atomic in (bool[])[false, true])
        {
            byte[] key = [(byte)'a', atomic ? (byte)'1' : (byte)'0'];
            byte[] value = "old"u8.ToArray();
            Operation[] operations = [Operation.Put(key, value)];
            if (atomic) await CommitAsync(operations);
            else await ExecuteAsync(operations);

            value.AsSpan().Fill((byte)'x');
            key.AsSpan().Fill((byte)'x');
            operations[0] = Put("b", "new");
        }

        Assert.Equal(["old", "old"], (await ExecuteAsync(Get("a0"), Get("a1"))).Select(result => result.Value));
        Assert.Equal(["a0", "a1"], (await ListAsync()).Keys);
    }

    [Fact]
    public async Task Keys_DifferInOneByteOrLength_AreDistinct()
    {
        string[] keys = ["a", "aa", "a\0", "\0", "\0\0", "b", "A", "é", "e\u0301"];
        await ExecuteAsync([.. keys.Select((key, i) => Put(key, $"{i}"))]);
        Assert.Equal(keys.Select((_, i) => $"{i}"), (await ExecuteAsync([.. keys.Select(key => Get(key))])).Select(result => result.Value));
    }

    [Fact]
    public async Task AnyCall_AlreadyCanceled_ReturnsAndChangesNothing()
    {
        await ExecuteAsync(Put("a", "1"));
        var cancelled = new CancellationToken(canceled: true);
        var sink = new RecordingSink();
        var entries = new RecordingEntrySink();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await Store.ExecuteAsync(new[] { Put("a", "2") }, sink, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await Store.CommitAsync(new[] { Put("a", "2") }, sink, cancellationToken: cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await Store.ListAsync(new ListQuery { Limit = 1 }, entries, cancelled));
        Assert.Empty(sink.Results);
        Assert.Empty(entries.Entries);
        AssertStats(keys: 1, bytes: 2, version: 1);
    }
}
