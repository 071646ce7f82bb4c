using KestrelKv.Json;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests.Embedded;

public sealed class ReadLimitTests
{
    [Theory]
    [InlineData(3, true)]
    [InlineData(4, false)]
    public async Task Commit_ReadsOfLongValues_AreLimitedTo1GiB(int reads, bool committed)
    {
        using var store = new EmbeddedStore(TimeProvider.System);
        byte[] value = GC.AllocateUninitializedArray<byte>(256 * 1024 * 1024 + 1);
        Array.Fill(value, (byte)'1');
        store.ExecuteAsync(new[] { Operation.Put("a"u8.ToArray(), value) }, new RecordingSink()).Completed();

        // The results are empty, because the parts do not exist. The limit applies to the bytes that are searched.
        Operation[] batch = [
            Operation.Put("b"u8.ToArray(), "1"u8.ToArray()),
            .. Enumerable.Repeat(Operation.Get("a"u8.ToArray()) with { Path = "/b"u8.ToArray() }, reads)];
        var results = new RecordingSink();
        Assert.Equal(committed, await store.CommitAsync(batch, results));
        if (!committed) Assert.Equal((4, ResultStatus.ValueTooLong), (Assert.Single(results.Results).Index, results.Results[0].Status));
        Assert.Equal(committed ? 2 : 1, store.GetStats().Keys);
    }

    /// <summary>A single value is limited only by the maximum length of values.</summary>
    [Fact]
    public async Task Read_ValuesAboveReadBytesMax_OneSucceedsTwoAreRefused()
    {
        var options = new EmbeddedStoreOptions();
        options.LimitDocuments(DocumentLimits.Default with { ReadBytesMax = 1024 * 1024 });
        using var store = new EmbeddedStore(TimeProvider.System, options);
        byte[] value = [.. "{\"n\":1}"u8, .. Enumerable.Repeat((byte)' ', 2 * 1024 * 1024)];
        store.ExecuteAsync(new[] { Operation.Put("a"u8.ToArray(), value) }, new RecordingSink()).Completed();

        Operation get = Operation.Get("a"u8.ToArray()) with { Path = "/n"u8.ToArray() };
        var one = new RecordingSink();
        await store.ExecuteAsync(new[] { get }, one);
        Assert.Equal("1", Assert.Single(one.Results).Value);
        Assert.True(await store.CommitAsync(new[] { get }, new RecordingSink()));

        var two = new RecordingSink();
        Assert.False(await store.CommitAsync(new[] { get, get }, two));
        Assert.Equal((0, ResultStatus.ValueTooLong), (Assert.Single(two.Results).Index, two.Results[0].Status));
    }
}
